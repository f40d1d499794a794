//! Names judged by what they resolve to: the same rule when a URL is registered and when a
//! connection is made. One answer that is refused refuses the name.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use url::Host;

use super::{
    address::LOOPBACK,
    guard::{judge_answer, judge_url},
    host::{canonical, is_localhost},
    policy::Policy,
    refusal::Refusal,
    resolver::{Resolve, ResolveError},
    target::TargetUrl,
};
use crate::{
    clock::Clock,
    domain::attempt::{ErrorKind, Failure},
};

/// How long a registration waits for name servers; then the name counts as unresolved.
pub const REGISTRATION_LOOKUP_LIMIT: Duration = Duration::from_secs(3);

/// What is known of a URL that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// Webhooks may go there now.
    Open,
    /// The name does not resolve, for the reason given: to be shown as a warning. Every attempt
    /// judges it again.
    Unresolved(String),
}

/// Judges `target` as an attempt would at this moment, with all that a name resolves to.
///
/// # Errors
///
/// The [`Refusal`] that an attempt would meet.
pub async fn judge_registration(
    target: &TargetUrl,
    policy: &Policy,
    resolver: &dyn Resolve,
    clock: &Clock,
) -> Result<Registration, Refusal> {
    let url = target.as_url();
    judge_url(url, policy)?;
    let (Some(Host::Domain(host)), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Ok(Registration::Open);
    };
    let answer = resolve_guarded(resolver, host, port, policy);
    match clock.timeout(REGISTRATION_LOOKUP_LIMIT, answer).await {
        Some(Ok(_)) => Ok(Registration::Open),
        Some(Err(LookupError::Refused(refusal))) => Err(refusal),
        Some(Err(LookupError::Unresolved { error, .. })) => {
            Ok(Registration::Unresolved(error.to_string()))
        }
        None => Ok(Registration::Unresolved(
            "the name servers did not answer in time".to_owned(),
        )),
    }
}

/// The addresses to connect to for `host` and `port`, in the order in which they are tried.
/// `localhost` is answered without asking: it means those loopback addresses that are open to it.
///
/// # Errors
///
/// A [`LookupError`] if the name has no addresses, or if any of them is refused.
pub async fn resolve_guarded(
    resolver: &dyn Resolve,
    host: &str,
    port: u16,
    policy: &Policy,
) -> Result<Vec<SocketAddr>, LookupError> {
    let host = canonical(host);
    let answers = if is_localhost(host) {
        open_loopback(host, policy)
    } else {
        let answer = resolver.lookup(host).await;
        answer.map_err(|error| LookupError::unresolved(host, error))?
    };
    if answers.is_empty() {
        return Err(LookupError::unresolved(host, ResolveError::NotFound));
    }
    for ip in &answers {
        judge_answer(host, *ip, port, policy)?;
    }
    Ok(answers
        .into_iter()
        .map(|ip| SocketAddr::new(ip, port))
        .collect())
}

/// Why a name gives no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// An answer is one that webhooks may not go to.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no answer.
    #[error("{host}: {error}")]
    Unresolved {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        error: ResolveError,
    },
}

impl LookupError {
    fn unresolved(host: &str, error: ResolveError) -> Self {
        let host = host.to_owned();
        Self::Unresolved { host, error }
    }
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        let message = error.to_string();
        match error {
            LookupError::Refused(refusal) => refusal.into(),
            LookupError::Unresolved { error, .. } => match error {
                ResolveError::NotFound => Self::new(ErrorKind::DnsNotFound, message),
                ResolveError::Failed(_) => Self::new(ErrorKind::DnsFailed, message),
            },
        }
    }
}

fn open_loopback(host: &str, policy: &Policy) -> Vec<IpAddr> {
    LOOPBACK
        .into_iter()
        .filter(|ip| policy.opens_answer(host, *ip))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{refusal::RefusalReason, testing::ScriptedResolver};

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        let parse = |text: &&str| text.parse().expect("an address");
        texts.iter().map(parse).collect()
    }

    fn policy(toml: &str) -> Policy {
        toml::from_str(toml).expect("a policy")
    }

    async fn register(
        url: &str,
        answers: &[&str],
        policy: &Policy,
    ) -> Result<Registration, RefusalReason> {
        let resolver = ScriptedResolver::new().resolves("hooks.example.com", &ips(answers));
        let target = TargetUrl::parse(url).expect("a URL");
        judge_registration(&target, policy, &resolver, &Clock::system())
            .await
            .map_err(|refusal| refusal.reason)
    }

    const URL: &str = "https://hooks.example.com./a";

    #[tokio::test]
    async fn a_name_with_public_addresses_is_open() {
        let verdict = register(URL, &["8.8.8.8", "2606:4700::1"], &Policy::default()).await;
        assert_eq!(verdict, Ok(Registration::Open));
    }

    #[tokio::test]
    async fn one_refused_answer_among_public_ones_refuses_the_name() {
        for inner in [
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "::ffff:10.0.0.1",
            "fd00::1",
            "0.0.0.0",
        ] {
            for answers in [[inner, "8.8.8.8"], ["8.8.8.8", inner]] {
                let verdict = register(URL, &answers, &Policy::default()).await;
                assert_eq!(verdict, Err(RefusalReason::DnsAnswer), "{answers:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_open_network_or_name_lets_its_answers_through_but_not_denied_ones() {
        let cases = [
            ("allow_networks = ['10.0.0.0/8']", "10.0.0.1", true),
            ("allow_networks = ['10.0.0.0/8']", "192.168.0.1", false),
            ("allow_hosts = ['*.example.com']", "192.168.0.1", true),
            ("allow_hosts = ['*.example.com']", "169.254.169.254", false),
            (
                "allow_hosts = ['*.example.com']\ndeny_networks = ['10.0.0.0/8']",
                "10.0.0.1",
                false,
            ),
            ("deny_networks = ['8.8.0.0/16']", "8.8.8.8", false),
        ];
        for (toml, answer, is_open) in cases {
            let verdict = register(URL, &[answer], &policy(toml)).await;
            assert_eq!(verdict.is_ok(), is_open, "{toml} {answer}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_the_gateway_itself_is_refused() {
        let mut policy = policy("allow_hosts = ['*.example.com']");
        policy.own_sockets = vec!["[::]:443".parse().expect("a socket")];
        let verdict = register(URL, &["127.0.0.1"], &policy).await;
        assert_eq!(verdict, Err(RefusalReason::DnsAnswer));
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_registered_with_a_warning() {
        let verdict = register("https://absent.example.com/", &[], &Policy::default()).await;
        assert!(
            matches!(verdict, Ok(Registration::Unresolved(_))),
            "{verdict:?}"
        );
        let verdict = register(URL, &[], &Policy::default()).await;
        assert!(
            matches!(verdict, Ok(Registration::Unresolved(_))),
            "{verdict:?}"
        );
    }

    #[tokio::test]
    async fn localhost_means_the_loopback_addresses_that_are_open() {
        let cases = [
            (
                "allow_hosts = ['localhost']",
                vec!["127.0.0.1:80", "[::1]:80"],
            ),
            ("allow_networks = ['127.0.0.0/8']", vec!["127.0.0.1:80"]),
            ("allow_networks = ['::1/128']", vec!["[::1]:80"]),
        ];
        for (toml, expected) in cases {
            let found =
                resolve_guarded(&ScriptedResolver::new(), "localhost.", 80, &policy(toml)).await;
            let found = found
                .expect(toml)
                .iter()
                .map(SocketAddr::to_string)
                .collect::<Vec<_>>();
            assert_eq!(found, expected, "{toml}");
        }
    }

    #[tokio::test]
    async fn name_servers_that_never_answer_leave_the_name_unresolved() {
        struct Silent;
        impl Resolve for Silent {
            fn lookup<'a>(
                &'a self,
                _: &'a str,
            ) -> futures_util::future::BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>>
            {
                Box::pin(std::future::pending())
            }
        }
        let target = TargetUrl::parse(URL).expect("a URL");
        let clock = Clock::new(Impatient);
        let verdict = judge_registration(&target, &Policy::default(), &Silent, &clock).await;
        assert!(
            matches!(verdict, Ok(Registration::Unresolved(_))),
            "{verdict:?}"
        );
    }

    /// Time passes at once.
    struct Impatient;

    impl crate::clock::TimeSource for Impatient {
        fn now(&self) -> crate::domain::time::Timestamp {
            crate::domain::time::Timestamp::default()
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn boot_elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) -> futures_util::future::BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }
}
