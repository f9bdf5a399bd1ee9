//! SCRAM-SHA-256, the server's side: the client proves that it knows the password without sending it, and the server
//! that it knows the verifier. (RFC 5802, RFC 7677; carried by MQTT 5's AUTH, section 4.12)
//!
//! ```text
//! client-first = gs2-header bare        gs2-header = ( "n" | "y" ) "," [ "a=" name ] ","
//!                                       bare = "n=" name ",r=" nonce { "," extension }
//! server-first = "r=" nonces ",s=" base64(salt) ",i=" iterations
//! client-final = "c=" base64(gs2-header) ",r=" nonces { "," extension } ",p=" base64(proof)
//! server-final = "v=" base64(signature)
//! ```

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::verifier::{KEY_BYTES, hmac, sha256};
use super::{Exchange, Method, ScramUsers, Step, Verifier, Vouched};

/// The method's name, as CONNECT's Authentication Method gives it.
pub const SCRAM_SHA_256: &str = "SCRAM-SHA-256";

/// Random bytes of the server's nonce.
const NONCE_BYTES: usize = 18;

/// One exchange, from the client's first message on.
pub struct ScramExchange {
    users: ScramUsers,
    state: State,
}

enum State {
    Begun,
    Challenged(Box<Challenge>),
    Over,
}

/// What the client's final message is held against.
struct Challenge {
    user: String,
    /// Whether there is such a user: one that there is not is challenged as well, and cannot answer.
    is_known: bool,
    verifier: Verifier,
    gs2_header: String,
    /// The client's nonce and the server's behind it.
    nonces: String,
    /// The client's first message without its header, and the server's answer: both sign these.
    client_first: String,
    server_first: String,
}

impl ScramExchange {
    /// An exchange with one of these users.
    pub fn new(users: ScramUsers) -> Self {
        Self { users, state: State::Begun }
    }

    fn challenge(&self, data: &[u8], server_nonce: &str) -> Result<Challenge, &'static str> {
        let message = std::str::from_utf8(data).map_err(|_| MALFORMED_FIRST)?;
        let first = ClientFirst::parse(message)?;
        let (verifier, is_known) = self.users.find(&first.user);
        let nonces = format!("{}{server_nonce}", first.nonce);
        let salt = STANDARD.encode(&verifier.salt);
        Ok(Challenge {
            server_first: format!("r={nonces},s={salt},i={}", verifier.iterations),
            client_first: first.bare.to_owned(),
            gs2_header: first.gs2_header.to_owned(),
            user: first.user.into_owned(),
            is_known,
            verifier,
            nonces,
        })
    }
}

impl Exchange for ScramExchange {
    fn step(&mut self, data: &[u8], _now_secs: u64) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Begun => {
                let mut random = [0; NONCE_BYTES];
                if getrandom::fill(&mut random).is_err() {
                    return Step::Refused("the system gives no random numbers");
                }
                match self.challenge(data, &STANDARD.encode(random)) {
                    Ok(challenge) => {
                        let server_first = challenge.server_first.clone().into_bytes();
                        self.state = State::Challenged(Box::new(challenge));
                        Step::Continue(server_first)
                    }
                    Err(reason) => Step::Refused(reason),
                }
            }
            State::Challenged(challenge) => match challenge.verify(data) {
                Ok((vouched, data)) => Step::Done { vouched, data },
                Err(reason) => Step::Refused(reason),
            },
            State::Over => Step::Refused("the exchange is over"),
        }
    }
}

impl Challenge {
    /// Who has proved to be it, and the server's own proof.
    fn verify(&self, data: &[u8]) -> Result<(Vouched, Vec<u8>), &'static str> {
        let message = std::str::from_utf8(data).map_err(|_| MALFORMED_FINAL)?;
        let last = ClientFinal::parse(message)?;
        // Nobody who reads along changed how the exchange was opened.
        if last.binding != self.gs2_header.as_bytes() {
            return Err("the client-final-message does not repeat the gs2-header in c=");
        }
        if last.nonces != self.nonces {
            return Err("the client-final-message does not repeat the nonce in r=");
        }
        let auth_message = format!("{},{},{}", self.client_first, self.server_first, last.without_proof);
        let signature = hmac(&self.verifier.stored_key, &[auth_message.as_bytes()]);
        let client_key: [u8; KEY_BYTES] = std::array::from_fn(|at| last.proof[at] ^ signature[at]);
        let proves = sha256(&client_key).ct_eq(&self.verifier.stored_key);
        if !(bool::from(proves) && self.is_known) {
            return Err("user name or password is wrong");
        }
        let server_signature = STANDARD.encode(hmac(&self.verifier.server_key, &[auth_message.as_bytes()]));
        let vouched = Vouched { user: Some(self.user.as_str().into()), method: Method::Scram, claims: None };
        Ok((vouched, format!("v={server_signature}").into_bytes()))
    }
}

const MALFORMED_FIRST: &str = "expected a client-first-message, as in n,,n=user,r=nonce";
const MALFORMED_FINAL: &str = "expected a client-final-message, as in c=biws,r=nonce,p=proof";

struct ClientFirst<'a> {
    gs2_header: &'a str,
    bare: &'a str,
    user: Cow<'a, str>,
    nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    fn parse(message: &'a str) -> Result<Self, &'static str> {
        let mut parts = message.splitn(3, ',');
        let (flag, authorization, bare) = match (parts.next(), parts.next(), parts.next()) {
            (Some(flag), Some(authorization), Some(bare)) => (flag, authorization, bare),
            _ => return Err(MALFORMED_FIRST),
        };
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err("channel binding is not offered here"),
            _ => return Err(MALFORMED_FIRST),
        }
        let mut attributes = bare.split(',');
        let user = attributes.next().ok_or(MALFORMED_FIRST)?;
        if user.starts_with("m=") {
            return Err("the extension in m= is not known here");
        }
        let user = user.strip_prefix("n=").and_then(unescape).ok_or(MALFORMED_FIRST)?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or(MALFORMED_FIRST)?;
        let is_printable = |byte: u8| (0x21..=0x7e).contains(&byte);
        if user.is_empty() || nonce.is_empty() || !nonce.bytes().all(is_printable) {
            return Err(MALFORMED_FIRST);
        }
        if !authorization.is_empty() {
            let other = authorization.strip_prefix("a=").and_then(unescape).ok_or(MALFORMED_FIRST)?;
            if other != user {
                return Err("a user may not act as another one here");
            }
        }
        let gs2_header = &message[..message.len() - bare.len()];
        Ok(Self { gs2_header, bare, user, nonce })
    }
}

struct ClientFinal<'a> {
    without_proof: &'a str,
    binding: Vec<u8>,
    nonces: &'a str,
    proof: [u8; KEY_BYTES],
}

impl<'a> ClientFinal<'a> {
    fn parse(message: &'a str) -> Result<Self, &'static str> {
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(MALFORMED_FINAL)?;
        let mut attributes = without_proof.split(',');
        let mut attribute = |name| attributes.next().and_then(|text| text.strip_prefix(name));
        let binding = attribute("c=").ok_or(MALFORMED_FINAL)?;
        let nonces = attribute("r=").ok_or(MALFORMED_FINAL)?;
        let binding = STANDARD.decode(binding).map_err(|_| MALFORMED_FINAL)?;
        let proof = STANDARD.decode(proof).map_err(|_| MALFORMED_FINAL)?;
        let proof = proof.try_into().map_err(|_| MALFORMED_FINAL)?;
        Ok(Self { without_proof, binding, nonces, proof })
    }
}

/// A name as it is meant: `=2C` stands for a comma, `=3D` for `=`, and `=` for nothing else. Prepared as the names in
/// the file are.
fn unescape(name: &str) -> Option<Cow<'_, str>> {
    if name.split('=').skip(1).any(|rest| !rest.starts_with("2C") && !rest.starts_with("3D")) {
        return None;
    }
    let name = match name.contains('=') {
        true => Cow::Owned(name.replace("=2C", ",").replace("=3D", "=")),
        false => Cow::Borrowed(name),
    };
    Some(Cow::Owned(stringprep::saslprep(&name).ok()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn users(name: &str) -> ScramUsers {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::with_salt("pencil", &salt, 4_096).unwrap();
        ScramUsers::new([(name, verifier)])
    }

    fn challenge(user: &str, first: &str) -> Result<Challenge, &'static str> {
        ScramExchange::new(users(user)).challenge(first.as_bytes(), SERVER_NONCE)
    }

    #[test]
    fn the_example_of_the_rfc() {
        let challenge = challenge("user", FIRST).unwrap();
        assert_eq!(challenge.server_first, SERVER_FIRST);
        let (vouched, data) = challenge.verify(FINAL.as_bytes()).unwrap();
        assert_eq!((vouched.user.as_deref(), data.as_slice()), (Some("user"), SERVER_FINAL.as_bytes()));
    }

    #[test]
    fn an_unknown_user_is_challenged_alike_and_told_no_more() {
        let known = challenge("user", FIRST).unwrap();
        let wrong = FINAL.replace("p=dHzb", "p=AAAA");
        let no = known.verify(wrong.as_bytes()).unwrap_err();
        let unknown = challenge("somebody", FIRST).unwrap();
        assert_eq!(unknown.server_first.len(), SERVER_FIRST.len());
        assert_eq!(unknown.server_first, challenge("somebody", FIRST).unwrap().server_first);
        assert_eq!(unknown.verify(FINAL.as_bytes()).unwrap_err(), no);
    }

    #[test]
    fn what_was_said_first_must_be_repeated() {
        let challenge = challenge("user", FIRST).unwrap();
        let refused = |message: &str| challenge.verify(message.as_bytes()).unwrap_err();
        assert!(refused(&FINAL.replace("c=biws", "c=eSws")).contains("c="));
        assert!(refused(&FINAL.replace("r=rO", "r=xO")).contains("r="));
        for malformed in ["", "c=biws", "c=!,r=x,p=AAAA", "c=biws,r=x,p=AAAA", "r=x,c=biws,p=", "\u{fffd}"] {
            assert_eq!(refused(malformed), MALFORMED_FINAL, "{malformed}");
        }
        assert_eq!(challenge.verify(b"\xff").unwrap_err(), MALFORMED_FINAL);
    }

    #[test]
    fn first_messages_that_are_refused() {
        let refused = |message: &str| challenge("user", message).err();
        for malformed in
            ["", "n", "n,,", "x,,n=user,r=a", "n,,r=a,n=user", "n,,n=,r=a", "n,,n=user,r=", "n,,n=a=b,r=c"]
        {
            assert_eq!(refused(malformed), Some(MALFORMED_FIRST), "{malformed}");
        }
        assert!(refused("p=tls-unique,,n=user,r=a").unwrap().contains("channel binding"));
        assert!(refused("n,,m=x,n=user,r=a").unwrap().contains("m="));
        assert!(refused("n,a=other,n=user,r=a").unwrap().contains("another"));
        assert_eq!(refused("y,a=user,n=user,r=a"), None);
    }

    #[test]
    fn names_are_unescaped() {
        let challenge = challenge("a=,b", "n,,n=a=3D=2Cb,r=x").unwrap();
        assert!(challenge.is_known);
        assert_eq!(unescape("a=2c"), None);
        assert_eq!(unescape("=3D2C").as_deref(), Some("=2C"));
    }

    #[test]
    fn an_exchange_ends_with_its_first_failure() {
        let mut exchange = ScramExchange::new(users("user"));
        assert!(matches!(exchange.step(b"nonsense", 0), Step::Refused(MALFORMED_FIRST)));
        assert!(matches!(exchange.step(FIRST.as_bytes(), 0), Step::Refused("the exchange is over")));
        let mut exchange = ScramExchange::new(users("user"));
        let Step::Continue(first) = exchange.step(FIRST.as_bytes(), 0) else { panic!("no challenge") };
        let Step::Continue(other) = ScramExchange::new(users("user")).step(FIRST.as_bytes(), 0) else {
            panic!("no challenge")
        };
        assert_ne!(first, other, "each exchange has a nonce of its own");
        assert!(
            matches!(exchange.step(FINAL.as_bytes(), 0), Step::Refused(_)),
            "a replayed proof proves nothing"
        );
    }
}
