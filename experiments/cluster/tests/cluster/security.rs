//! Credentials and certificates: the messages say what is wrong.

use crate::process::notice;
use crate::servers::{at, free_port, listens, one, one_with, program};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use std::fs;
use std::path::{Path, PathBuf};
use trimtab_cluster::status::Watcher;
use trimtab_cluster::{Error, Server};

fn refused(server: &Server) -> String {
    match Watcher::connect(server, notice()) {
        Err(error @ (Error::Connect { .. } | Error::Server { .. } | Error::File { .. })) => {
            error.to_string()
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it connects"),
    }
}

#[test]
fn nobody_there_is_said_with_what_to_do() {
    let said = refused(&Server::at(format!(
        "nats://u:secret@127.0.0.1:{}",
        free_port()
    )));
    assert!(
        said.contains("nobody listens") && said.contains("nats-server -js"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_token_is_read_from_its_file_and_a_wrong_one_is_said_to_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one_with(folder.path(), "authorization { token: \"right\" }") else {
        return;
    };
    let running = [running];
    let mut server = at(&running);
    assert!(refused(&server).contains("a client without credentials"));
    let token = folder.path().join("token");
    server.token = Some(token.clone());
    assert!(refused(&server).contains("token"));
    fs::write(&token, "wrong\n").unwrap();
    let said = refused(&server);
    assert!(
        said.contains("the token in") && !said.contains("wrong"),
        "{said}"
    );
    assert_eq!(said.matches("authorization violation").count(), 1, "{said}");
    fs::write(&token, "right\n").unwrap();
    assert!(Watcher::connect(&server, notice()).is_ok());
}

#[test]
fn an_nkey_that_is_none_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let mut server = at(&running);
    let key = folder.path().join("key");
    fs::write(&key, "no key").unwrap();
    server.nkey = Some(key);
    // A server that asks for none takes everybody.
    Watcher::connect(&server, notice()).ok();
    server.nkey = None;
    server.credentials = Some(folder.path().join("missing.creds"));
    assert!(refused(&server).contains("missing.creds"));
}

#[test]
fn the_seed_of_an_nkey_that_the_server_knows_lets_in_and_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let known = KeyPair::new_user();
    let users = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        known.public_key()
    );
    let Some(running) = one_with(folder.path(), &users) else {
        return;
    };
    let running = [running];
    let mut server = at(&running);
    let key = folder.path().join("worker.nk");
    server.nkey = Some(key.clone());
    fs::write(&key, KeyPair::new_user().seed().unwrap()).unwrap();
    let said = refused(&server);
    assert!(said.contains("the nkey in"), "{said}");
    fs::write(&key, format!("{}\n", known.seed().unwrap())).unwrap();
    Watcher::connect(&server, notice()).unwrap();
}

/// A claim of NATS, signed: a JWT whose algorithm is `ed25519-nkey`.
fn signed(by: &KeyPair, subject: &str, name: &str, nats: &str) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let header = encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let issuer = by.public_key();
    let claims = format!(
        r#"{{"jti":"{name}","iat":1700000000,"iss":"{issuer}","name":"{name}","sub":"{subject}","nats":{nats}}}"#
    );
    let text = format!("{header}.{}", encode(&claims));
    let signature = BASE64URL_NOPAD.encode(&by.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

#[test]
fn credentials_of_an_account_with_jetstream_let_in_and_those_of_another_operator_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (operator, user) = (KeyPair::new_operator(), KeyPair::new_user());
    // A server with JetStream has an account for itself, too.
    let [account, system] = [(); 2].map(|()| KeyPair::new_account());
    let itself = signed(
        &operator,
        &operator.public_key(),
        "operator",
        r#"{"type":"operator","version":2}"#,
    );
    let unlimited = r#""subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1"#;
    let storage = r#""mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1"#;
    let rights = format!(r#"{{"type":"account","version":2,"limits":{{{unlimited},{storage}}}}}"#);
    let preloaded = [
        (&account, rights.as_str()),
        (&system, r#"{"type":"account","version":2}"#),
    ]
    .map(|(account, rights)| {
        let key = account.public_key();
        let jwt = signed(&operator, &key, "account", rights);
        format!("{key}: \"{jwt}\"")
    });
    let lines = format!(
        "operator: \"{itself}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {} }}",
        system.public_key(),
        preloaded.join("\n")
    );
    let Some(running) = one_with(folder.path(), &lines) else {
        return;
    };
    let running = [running];
    let mut server = at(&running);
    let path = folder.path().join("worker.creds");
    server.credentials = Some(path.clone());
    let write = |by: &KeyPair| {
        let limits = r#"{"type":"user","version":2,"subs":-1,"data":-1,"payload":-1}"#;
        let jwt = signed(by, &user.public_key(), "worker", limits);
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        fs::write(&path, text).unwrap();
    };
    write(&KeyPair::new_account());
    let said = refused(&server);
    assert!(said.contains("the credentials in"), "{said}");
    write(&account);
    Watcher::connect(&server, notice()).unwrap();
}

/// An authority, and what it signs for this name: certificate and key.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    fn sign(&self, folder: &Path, name: &str, host: &str) -> (PathBuf, PathBuf) {
        let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = ["pem", "key"].map(|kind| folder.join(format!("{name}.{kind}")));
        fs::write(&paths[0], certificate.pem()).unwrap();
        fs::write(&paths[1], key.serialize_pem()).unwrap();
        paths.into()
    }
}

#[test]
fn tls_lets_in_who_trusts_the_authority_and_has_a_certificate_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, another) = (Authority::new(), Authority::new());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("ca.pem"), ours.certificate.pem()).unwrap();
    fs::write(path("another.pem"), another.certificate.pem()).unwrap();
    let (certificate, key) = ours.sign(folder.path(), "server", "localhost");
    let lines = format!(
        "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {:?}, verify: true }}",
        path("ca.pem")
    );
    let Some(running) = one_with(folder.path(), &lines) else {
        return;
    };
    let mut server = Server {
        lease: crate::process::LEASE,
        ca: Some(path("ca.pem")),
        certificate: Some(ours.sign(folder.path(), "worker", "worker")),
        ..Server::at(format!("tls://localhost:{}", running.port))
    };
    Watcher::connect(&server, notice()).unwrap();
    // Its certificate is for another name.
    let right = std::mem::replace(
        &mut server.address,
        format!("tls://127.0.0.1:{}", running.port),
    );
    let said = refused(&server);
    assert!(said.contains("for another host"), "{said}");
    server.address = right;
    // We trust somebody else.
    server.ca = Some(path("another.pem"));
    let said = refused(&server);
    assert!(said.contains("signed by nobody we trust"), "{said}");
    // It asks for a certificate, and we have none.
    server.ca = Some(path("ca.pem"));
    server.certificate = None;
    let said = refused(&server);
    assert!(
        said.contains("--certificate") || said.contains("TLS"),
        "{said}"
    );
}

/// Each wish for TLS, of a server that has none.
#[test]
fn tls_of_a_server_that_does_not_speak_it_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, Authority::new().certificate.pem()).unwrap();
    let by_address = Server::at(format!("tls://127.0.0.1:{}", running.port));
    let by_ca = Server {
        ca: Some(ca),
        ..at(std::slice::from_ref(&running))
    };
    for server in [by_address, by_ca] {
        let said = refused(&server);
        assert!(said.contains("does not speak TLS"), "{said}");
        assert!(said.contains("write nats://"), "{said}");
        assert_eq!(said.matches("InvalidContentType").count(), 1, "{said}");
    }
}

#[test]
fn a_file_that_holds_something_else_is_said_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("token"), "secret").unwrap();
    let (certificate, key) = Authority::new().sign(folder.path(), "worker", "worker");
    let nobody = Server::at(format!("tls://127.0.0.1:{}", free_port()));
    let said = |ca: Option<PathBuf>, certificate: Option<(PathBuf, PathBuf)>| {
        let server = Server {
            ca,
            certificate,
            ..nobody.clone()
        };
        let error = Watcher::connect(&server, notice()).err().unwrap();
        error.to_string()
    };
    let lines: &[(_, &[&str])] = &[
        (
            said(Some(key.clone()), None),
            &["--ca", "worker.key", "BEGIN CERTIFICATE"],
        ),
        (
            said(Some(path("token")), None),
            &["--ca", "token", "BEGIN CERTIFICATE"],
        ),
        (said(Some(path("none")), None), &["none", "No such file"]),
        (
            said(None, Some((key.clone(), key.clone()))),
            &["--certificate", "worker.key", "BEGIN CERTIFICATE"],
        ),
        (
            said(None, Some((certificate.clone(), certificate.clone()))),
            &["--key", "worker.pem", "BEGIN PRIVATE KEY"],
        ),
        (
            said(Some(certificate.clone()), Some((certificate, key))),
            &["nobody listens"],
        ),
    ];
    for (said, words) in lines {
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn two_identities_are_refused() {
    let server = Server {
        token: Some("token".into()),
        nkey: Some("worker.nk".into()),
        ..Server::at(format!("nats://127.0.0.1:{}", free_port()))
    };
    let said = Watcher::connect(&server, notice()).err().unwrap();
    let said = said.to_string();
    assert!(said.contains("--nkey and --token"), "{said}");
}

#[test]
fn a_server_without_jetstream_is_said_to_be_one() {
    if program().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = folder.path().join("plain.conf");
    fs::write(&config, format!("listen: 127.0.0.1:{port}\n")).unwrap();
    let mut child = std::process::Command::new(program().unwrap())
        .arg("-c")
        .arg(&config)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !listens(port) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let said = refused(&Server::at(format!("nats://127.0.0.1:{port}")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("nats-server -js"), "{said}");
}
