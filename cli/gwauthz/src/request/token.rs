//! The token of the request: given by who tests, or minted for a demonstration.

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{self, Read},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use gwauthz_host::scenario::{Token, TokenKey};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{exit::Failure, terminal::Terminal};

/// Keeps a token off the command line, where every user of the machine can read it.
const VARIABLE: &str = "GWAUTHZ_TOKEN";
/// The bound on what is read for a token or its claims.
const MAX_BYTES: u64 = 1024 * 1024;

/// How a demo token is minted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Minting {
    /// Now, by a key that is thrown away.
    Once,
    /// At this time, by a key that everybody has: the same token each time.
    Repeatable(SystemTime),
}

/// Whether the option or the variable gives a token.
pub(crate) fn is_given(option: Option<&Option<String>>) -> bool {
    matches!(option, Some(Some(_))) || env::var(VARIABLE).is_ok_and(|token| !token.is_empty())
}

/// The token to send; none where neither the option nor the variable is there.
pub(crate) fn choose(
    option: Option<&Option<String>>,
    claims: Option<&str>,
    minting: Minting,
    terminal: &Terminal,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let given = match option {
        Some(Some(given)) => Some(read(given)?),
        _ => env::var(VARIABLE).ok().filter(|token| !token.is_empty()).map(Zeroizing::new),
    };
    match (given, option.is_some() || claims.is_some()) {
        (Some(_), _) if claims.is_some() => Err(Failure::wrong(
            "--claims changes the demo token, but a token is given",
            format!("leave out --claims, or the token (--token, {VARIABLE})"),
        )),
        (Some(token), _) => one_line(&token).map(Some),
        (None, true) => {
            let claims = claims.map(read).transpose()?;
            let token = mint(claims.as_ref().map(|text| text.as_str()), minting)?;
            terminal.note(match minting {
                Minting::Once => "token minted for this run: ES256, a key of its own, 5 minutes",
                Minting::Repeatable(_) => "token minted: ES256, the same in each run",
            });
            Ok(Some(token))
        }
        (None, false) => Ok(None),
    }
}

/// A value itself, the file that `@` names, or standard input for `-`.
fn read(given: &str) -> Result<Zeroizing<String>, Failure> {
    match given.strip_prefix('@') {
        Some(path) => {
            let file = File::open(path).map_err(|error| Failure::io("read", Path::new(path), &error))?;
            text(path, file)
        }
        None if given == "-" => text("standard input", io::stdin()),
        None => Ok(Zeroizing::new(given.to_owned())),
    }
}

fn text(what: &str, source: impl Read) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    match source.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 <= MAX_BYTES => Ok(text),
        Ok(_) => Err(Failure::wrong(
            format!("{what} is too large: expected at most {MAX_BYTES} bytes"),
            "name another source",
        )),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Failure::wrong(format!("{what} is not text"), "expected a token in one line"))
        }
        Err(error) => Err(Failure::io("read", Path::new(what), &error)),
    }
}

/// A token as a header can carry it. What else is wrong with it the plugin is to say.
fn one_line(token: &str) -> Result<Zeroizing<String>, Failure> {
    let token = token.trim_ascii_end();
    if token.bytes().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
        return Err(Failure::wrong(
            "the token has more than one line: no header can carry it",
            "expected a token in one line",
        ));
    }
    Ok(Zeroizing::new(token.to_owned()))
}

/// A JWT with these claims laid over its own.
pub(crate) fn mint(overlay: Option<&str>, minting: Minting) -> Result<Zeroizing<String>, Failure> {
    let claims = overlay.map(claims).transpose()?.unwrap_or_default();
    let (time, key) = match minting {
        Minting::Once => (SystemTime::now(), TokenKey::generate()),
        Minting::Repeatable(time) => (time, TokenKey::published()),
    };
    let now = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Zeroizing::new(Token { claims, ..Token::default() }.mint(now, &key.map_err(Failure::bug)?)))
}

fn claims(text: &str) -> Result<BTreeMap<String, Value>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::wrong(
            format!("--claims is not a JSON object: {error}"),
            r#"write, for example, --claims '{"sub":"alice","exp":0}'"#,
        )
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::Value;

    use super::{Minting, mint, one_line};

    fn claims(overlay: &str) -> Value {
        let token = mint(Some(overlay), Minting::Once).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn claims_are_laid_over_and_null_takes_away() {
        let claims = claims(r#"{"sub":"alice","exp":null,"tenant":{"a":1}}"#);
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["tenant"]["a"], 1);
        assert!(claims.get("exp").is_none() && claims.get("jti").is_some());
    }

    #[test]
    fn claims_that_are_no_object_are_refused() {
        for overlay in ["", "[]", "7", "{", "{} x"] {
            assert!(mint(Some(overlay), Minting::Once).is_err(), "{overlay}");
        }
    }

    #[test]
    fn a_token_is_one_line() {
        assert_eq!(one_line("abc\n").unwrap().as_str(), "abc");
        assert!(one_line("a\nb").is_err());
    }
}
