//! Who issues certificates, to servers and to clients.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
};

/// One that signs its own certificate.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Tidewire's tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.key_identifier_method = KeyIdMethod::Sha256;
        Self(CertifiedIssuer::self_signed(params, new_key()).expect("it can sign itself"))
    }

    /// Its certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The certificate of a server on this machine, and its key.
    pub(crate) fn server(&self) -> [String; 2] {
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        self.issue(CertificateParams::new(hosts).expect("the names are names"))
    }

    /// The certificate of the client whom it names, and its key.
    pub(crate) fn client(&self, name: &str) -> [String; 2] {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> [String; 2] {
        let key = new_key();
        let certificate = params.signed_by(&key, &self.0).expect("it can be signed");
        [certificate.pem(), key.serialize_pem()]
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}
