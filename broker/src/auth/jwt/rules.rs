//! What a token must be and say.

use super::Algorithm;

/// The rules for tokens. A claim's name is taken whole first (`"https://example.com/user"`), and where there
/// is no such claim, its dots lead into nested objects (`"user.name"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How a token may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Whom it may be for: `aud` must name one of them. Empty: `aud` is not looked at.
    pub audiences: Vec<String>,
    /// Who must have issued it: `iss`. `None`: it is not looked at.
    pub issuer: Option<String>,
    /// How far the clocks here and at the issuer may differ, in seconds.
    pub leeway_secs: u64,
    /// The claim that names the user.
    pub username_claim: String,
    /// The claim that names the client identifier. A token without it is for any client identifier.
    pub client_id_claim: Option<String>,
    /// The claim that holds rules for this client.
    pub acl_claim: String,
    /// The claim that names the user's groups: a list of strings, or one string for one group.
    pub groups_claim: Option<String>,
    /// Whether a token without `exp` is refused.
    pub requires_expiry: bool,
}

/// No algorithm is allowed: those must be named.
impl Default for Rules {
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            audiences: Vec::new(),
            issuer: None,
            leeway_secs: 60,
            username_claim: "sub".to_owned(),
            client_id_claim: None,
            acl_claim: "acl".to_owned(),
            groups_claim: None,
            requires_expiry: true,
        }
    }
}
