//! SCRAM-SHA-256, the client's side: what a case sends as proof, and what the server must prove in turn. (RFC 5802,
//! RFC 7677)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// What a proof is computed from, as the fields of `prove`.
pub const INPUTS: [&str; 3] = ["password", "client_first", "server_first"];
/// The variables that `prove` binds.
pub const OUTPUTS: [&str; 2] = ["client_final", "server_final"];

/// The client's final message, and the server's that must answer it.
///
/// # Errors
///
/// What is wrong with the server's first message, or with the case's own.
pub fn prove(password: &[u8], client_first: &[u8], server_first: &[u8]) -> Result<[String; 2], String> {
    let client_first = std::str::from_utf8(client_first).map_err(|error| format!("client_first: {error}"))?;
    let server_first = std::str::from_utf8(server_first)
        .map_err(|error| format!("the server's first message is not UTF-8: {error}"))?;
    let bare_at = client_first.find("n=").ok_or("client_first has no n=")?;
    let (gs2_header, bare) = client_first.split_at(bare_at);
    let own_nonce = attribute(bare, "r=").ok_or("client_first has no r=")?;

    let of_server = |name| {
        attribute(server_first, name)
            .ok_or_else(|| format!("the server's first message has no {name}: {server_first}"))
    };
    let nonce = of_server("r=")?;
    if !nonce.starts_with(own_nonce) || nonce.len() == own_nonce.len() {
        return Err(format!("the server adds to the client's nonce {own_nonce}: {server_first}"));
    }
    let salt = STANDARD.decode(of_server("s=")?).map_err(|error| format!("the server's salt: {error}"))?;
    let iterations: u32 =
        of_server("i=")?.parse().map_err(|error| format!("the server's iterations: {error}"))?;
    if iterations < 4_096 {
        return Err(format!("the server asks for {iterations} iterations, at least 4096 are needed"));
    }

    let without_proof = format!("c={},r={nonce}", STANDARD.encode(gs2_header));
    let signed = format!("{bare},{server_first},{without_proof}");
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, &salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(client_key), signed.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signed)| key ^ signed).collect();
    let server_signature = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
    Ok([
        format!("{without_proof},p={}", STANDARD.encode(proof)),
        format!("v={}", STANDARD.encode(server_signature)),
    ])
}

fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|attribute| attribute.strip_prefix(name))
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::prove;

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_the_rfc() {
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let first = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let [client, server] =
            prove(b"pencil", b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", first.as_bytes()).unwrap();
        assert_eq!(client, format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
        assert_eq!(server, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_server_that_cheats_is_found() {
        let first = b"n,,n=user,r=abc";
        let mistake = |server: &[u8]| prove(b"pencil", first, server).unwrap_err();
        assert!(mistake(b"r=abc,s=AAAA,i=4096").contains("adds to"));
        assert!(mistake(b"r=xyz,s=AAAA,i=4096").contains("adds to"));
        assert!(mistake(b"r=abcd,s=AAAA,i=1").contains("at least 4096"));
        assert!(mistake(b"r=abcd,i=4096").contains("s="));
    }
}
