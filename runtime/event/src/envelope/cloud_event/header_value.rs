//! Values of attributes in headers: percent-encoded, as section 3.1.3.2 of the binding has it.

use std::borrow::Cow;

/// The text as a header holds it: space, quote, percent and all beyond printable ASCII are written as `%XY`.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    percent_encoded(text, |byte| matches!(byte, 0x21..=0x7E) && byte != b'"' && byte != b'%')
}

/// The text with every byte written as `%XY` that is not to be kept.
pub(super) fn percent_encoded(text: &str, is_kept: impl Fn(u8) -> bool) -> Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if text.bytes().all(&is_kept) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if is_kept(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    Cow::Owned(encoded)
}

/// The text that a header holds: first a quoted string is opened, then one round of percent-decoding. The error is part of a sentence.
pub(super) fn decode(value: &str) -> Result<Cow<'_, str>, String> {
    let value = value.trim_matches([' ', '\t']);
    let unquoted = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => unescaped(inner)?,
        None => Cow::Borrowed(value),
    };
    if !unquoted.contains('%') {
        return Ok(unquoted);
    }
    let mut bytes = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let byte = rest.split_at_checked(2).and_then(|(digits, behind)| {
            rest = behind;
            Some(digit(digits[0])? << 4 | digit(digits[1])?)
        });
        bytes.push(byte.ok_or_else(|| format!("{value:?} has a `%` without two digits behind it"))?);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| format!("{value:?} is not the encoding of UTF-8"))
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// What stands between the quotes of a quoted string.
fn unescaped(inner: &str) -> Result<Cow<'_, str>, String> {
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().ok_or("its quoted value ends in a backslash")?),
            other => text.push(other),
        }
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_binding_is_encoded_as_it_says() {
        assert_eq!(encode("Euro \u{20AC} \u{1F600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
    }

    #[test]
    fn what_was_encoded_is_decoded_to_the_same() {
        for text in ["", "plain", "a \"b\" 100%", "%41", "ü\u{7f}\n", "\\", "\u{1F600}"] {
            let encoded = encode(text);

            assert!(encoded.bytes().all(|byte| (0x21..=0x7E).contains(&byte) && byte != b'"'), "{encoded}");
            assert_eq!(decode(&encoded).unwrap(), text);
        }
    }

    #[test]
    fn older_senders_quote_and_encode_more_than_they_must() {
        assert_eq!(decode(r#""a \"b\" c""#).unwrap(), r#"a "b" c"#);
        assert_eq!(decode("%41%e2%82%ac").unwrap(), "A\u{20AC}");
        assert_eq!(decode("%2541").unwrap(), "%41", "one round");
    }

    #[test]
    fn what_is_no_encoding_of_utf_8_is_refused() {
        for value in ["%C0%A0", "%F", "%", "%zz", "%ED%A0%80"] {
            decode(value).unwrap_err();
        }
    }
}
