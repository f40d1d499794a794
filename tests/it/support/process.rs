//! The program itself, as a process that can be killed.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{Api, Setup, within};

/// What the first line of the program's output begins with.
const GREETING: &str = "Riposte listens on http://";

/// How much of its output is shown where a test has failed.
const LAST_LINES: usize = 12;

/// A running `riposte serve`. It is killed when it is dropped.
pub struct Process {
    setup: Setup,
    child: Child,
    address: SocketAddr,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts the program and waits until it serves.
    pub async fn start(setup: Setup) -> Self {
        let mut child = command(&setup).spawn().expect("the program starts");
        let printed = Arc::new(Mutex::new(Vec::new()));
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let greeted = greeting(stdout, Arc::clone(&printed));
        keep(
            child.stderr.take().expect("its errors"),
            Arc::clone(&printed),
        );
        let greeting = within("the program to greet", greeted).await;
        let address = greeting.ok().and_then(|line| address_in(&line));
        let Some(address) = address else {
            panic!("the program does not serve: {}", text(&printed));
        };
        Self {
            setup,
            child,
            address,
            printed,
        }
    }

    /// The API as its operator calls it, about the project `default`.
    pub fn api(&self) -> Api {
        self.setup.api(self.address)
    }

    /// Ends it as `kill -9` does, and gives what it takes to start it again.
    pub fn kill(mut self) -> Setup {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is dead");
        self.setup.clone()
    }

    /// Stops it as SIGSTOP does: it does nothing any more, and knows nothing of it.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`Process::pause`].
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Asks it to end with SIGTERM, and waits until it has. Gives its exit code and all that it
    /// has printed.
    pub async fn terminate(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let code = super::until("the program to end", async || {
            match self.child.try_wait().expect("its state") {
                Some(status) => Ok(status.code()),
                None => Err("it still runs".to_owned()),
            }
        });
        (code.await, text(&self.printed))
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            show(&text(&self.printed));
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows the last of what a program has printed whose test has failed.
#[expect(clippy::print_stderr, reason = "whoever looks for the cause needs it")]
fn show(printed: &str) {
    let lines: Vec<_> = printed.lines().rev().take(LAST_LINES).collect();
    let lines = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
    eprintln!("the program printed at last:\n{lines}");
}

fn command(setup: &Setup) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riposte"));
    command
        .arg("serve")
        .current_dir(setup.directory())
        .env_clear()
        .envs(setup.variables().iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The first line that the program prints; what follows is kept.
fn greeting(
    mut stdout: BufReader<impl Read + Send + 'static>,
    printed: Arc<Mutex<Vec<u8>>>,
) -> oneshot::Receiver<String> {
    let (greet, greeted) = oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        // Without a line there is no address in it, which is told to whoever waits.
        let _ = stdout.read_line(&mut line);
        lock(&printed).extend_from_slice(line.as_bytes());
        let _ = greet.send(line);
        keep(stdout, printed);
    });
    greeted
}

/// Keeps all that comes from `source`, on a thread of its own.
fn keep(mut source: impl Read + Send + 'static, printed: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        while let Ok(read @ 1..) = source.read(&mut chunk) {
            lock(&printed).extend_from_slice(&chunk[..read]);
        }
    });
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix(GREETING)?.parse().ok()
}

fn text(printed: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&lock(printed)).into_owned()
}

fn lock(printed: &Mutex<Vec<u8>>) -> std::sync::MutexGuard<'_, Vec<u8>> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}
