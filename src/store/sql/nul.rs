//! U+0000 in texts. What others wrote may hold it, and PostgreSQL keeps none in a text: there another
//! character, which no text has that means something, stands for it with a digit behind, and so does one
//! for itself. Texts that are equal stay so, and nothing is lost.

use std::borrow::Cow;

/// A noncharacter: Unicode keeps it for what programs do within themselves.
const MARK: char = '\u{FDD0}';

/// `text` as PostgreSQL keeps it.
pub(in crate::store) fn kept(text: String) -> String {
    if !text.contains(['\0', MARK]) {
        return text;
    }
    let mut kept = String::with_capacity(text.len() + 4);
    for character in text.chars() {
        match character {
            '\0' => kept.extend([MARK, '0']),
            MARK => kept.extend([MARK, '1']),
            other => kept.push(other),
        }
    }
    kept
}

/// The text that is kept so.
pub(super) fn read(kept: &str) -> Cow<'_, str> {
    if !kept.contains(MARK) {
        return Cow::Borrowed(kept);
    }
    let mut text = String::with_capacity(kept.len());
    let mut characters = kept.chars();
    while let Some(character) = characters.next() {
        match character {
            MARK if characters.next() == Some('0') => text.push('\0'),
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            "",
            "a",
            "\0",
            "a\0b",
            "\u{FDD0}",
            "\u{FDD0}0",
            "\0\u{FDD0}1\0",
            "ä\0ö",
        ];
        for text in texts {
            let kept = kept(text.to_owned());
            assert!(!kept.contains('\0'), "{text:?}");
            assert_eq!(read(&kept), text);
        }
        assert_ne!(kept("\0".to_owned()), kept("\u{FDD0}0".to_owned()));
    }
}
