//! Requests as commands for a shell.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// The command that sends a POST with `headers` and `body` to `url`: one line for a POSIX shell.
pub fn command(url: &str, headers: &[(String, String)], body: &[u8]) -> String {
    let headers: String = headers.iter().map(header).collect();
    let url = quoted(url);
    match plain(body) {
        Some(text) => format!("curl -X POST {url}{headers} --data-binary {}", quoted(text)),
        None => format!(
            "printf %s {} | base64 -d | curl -X POST {url}{headers} --data-binary @-",
            quoted(&BASE64_STANDARD.encode(body))
        ),
    }
}

/// The body, if an argument can carry it: it is text, without the end that C gives strings, and
/// not what curl takes for the name of a file.
fn plain(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    (!text.contains('\0') && !text.starts_with('@')).then_some(text)
}

fn header((name, value): &(String, String)) -> String {
    // With a colon curl would leave out a header that has no value.
    let text = match value.is_empty() {
        true => format!("{name};"),
        false => format!("{name}: {value}"),
    };
    format!(" -H {}", quoted(&text))
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_for_its_own_is_quoted() {
        let headers = [
            ("webhook-id".to_owned(), "dlv_1".to_owned()),
            ("x-empty".to_owned(), String::new()),
        ];
        assert_eq!(
            command("https://a.example/?b=$c", &headers, b"{\"d\":\"it's\"}"),
            r#"curl -X POST 'https://a.example/?b=$c' -H 'webhook-id: dlv_1' -H 'x-empty;' --data-binary '{"d":"it'\''s"}'"#
        );
    }

    #[test]
    fn a_body_that_no_argument_can_carry_goes_by_base64() {
        for (body, encoded) in [
            (&b"\xff\0"[..], "/wA="),
            (b"@file", "QGZpbGU="),
            (b"a\0", "YQA="),
        ] {
            let command = command("https://a.example/", &[], body);
            let begin = format!("printf %s '{encoded}' | base64 -d | curl ");
            assert!(command.starts_with(&begin), "{command}");
            assert!(command.ends_with(" --data-binary @-"), "{command}");
        }
    }
}
