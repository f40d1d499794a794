//! Receivers for tests: TCP servers on loopback that say the bytes they are told to say.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A receiver. It ends with the test's runtime.
pub(super) struct Receiver {
    /// Where it listens.
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Reads one request on each connection, says `answer` and closes.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Vec<u8> = answer.into();
        Self::acting(move |mut stream, _| {
            let answer = answer.clone();
            async move {
                // The other side may have heard enough before all is said.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// Reads one request on each connection, says `answer` and then holds the line in silence.
    pub(super) async fn holding(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Vec<u8> = answer.into();
        Self::acting(move |mut stream, _| {
            let answer = answer.clone();
            async move {
                let _ = stream.write_all(&answer).await;
                std::future::pending::<()>().await;
            }
        })
        .await
    }

    /// Says `head` and then `again`, over and over, for as long as anyone listens.
    pub(super) async fn repeating(head: &'static [u8], again: &'static [u8]) -> Self {
        Self::acting(move |mut stream, _| async move {
            let _ = stream.write_all(head).await;
            while stream.write_all(again).await.is_ok() {}
        })
        .await
    }

    /// Reads one request on each connection and does `act` with it and what was read.
    pub(super) async fn acting<F, Fut>(act: F) -> Self
    where
        F: Fn(TcpStream, String) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (listener, address) = listen().await;
        let connections = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                heard.lock().expect("no panic").push(request.clone());
                tokio::spawn(act(stream, request));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// The first request of each connection, as it came.
    pub(super) fn heard(&self) -> Vec<String> {
        self.connections.lock().expect("no panic").clone()
    }

    /// Its URL, by address.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Its URL, by the name `host`.
    pub(super) fn url_at(&self, host: &str) -> String {
        format!("http://{host}:{}/hook", self.address.port())
    }
}

/// A listener on a free port of loopback.
pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

/// One request with its body, as far as it comes.
pub(super) async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    body.len() >= length
}
