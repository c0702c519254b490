//! Where the server is, and how it knows us.

use crate::{Error, Result};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Told in a line of what happens to the link and to the workers.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Without an answer to this long a silence the link counts as down. The client's own minute lets a hung server go unnoticed for three.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// Longer than the servers take for an election, which is up to 10 s, measured with three.
const LEASE: Duration = Duration::from_secs(12);

/// How long to wait for the first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// A NATS server, or several of a cluster.
#[derive(Clone, Debug)]
pub struct Server {
    /// Addresses, separated by commas: `nats://host:4222`, `tls://host:4222`; a user and a password may stand before the host.
    pub address: String,
    /// A `.creds` file with a JWT and its seed.
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an nkey.
    pub nkey: Option<PathBuf>,
    /// A file with a token.
    pub token: Option<PathBuf>,
    /// A file with the certificates to trust, which makes TLS a must.
    pub ca: Option<PathBuf>,
    /// Files with a certificate of our own, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// What the names of our streams begin with, so that several clusters of workers can share a server.
    pub namespace: String,
    /// After so long a silence a worker counts as lost, and so does a coordinator. Whoever comes first to a server decides it for all.
    pub lease: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: "nats://127.0.0.1:4222".to_owned(),
            credentials: None,
            nkey: None,
            token: None,
            ca: None,
            certificate: None,
            namespace: "trimtab".to_owned(),
            lease: LEASE,
        }
    }
}

impl Server {
    /// The one at this address, with the default of everything else.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }

    /// The addresses without passwords, for messages.
    pub fn shown(&self) -> String {
        let each = self.address.split(',').map(|address| {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        });
        each.collect::<Vec<_>>().join(",")
    }

    fn refused(&self, problem: impl Into<String>) -> Error {
        Error::Connect {
            address: self.shown(),
            problem: problem.into(),
        }
    }

    fn secret(&self, field: &str, path: &PathBuf) -> Result<String> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let text = text.trim();
        if text.is_empty() {
            let path = path.display();
            return Err(Error::option(field, path, "the file is empty"));
        }
        Ok(text.to_owned())
    }

    /// What each of the files has to hold, and that there is one identity.
    fn check(&self) -> Result<()> {
        let identities = [
            ("--credentials", &self.credentials),
            ("--nkey", &self.nkey),
            ("--token", &self.token),
        ];
        let given = identities
            .iter()
            .filter_map(|(name, path)| path.as_ref().map(|_| *name));
        let given: Vec<&str> = given.collect();
        if given.len() > 1 {
            let allowed = "a server knows us by one of them; leave out the others";
            return Err(Error::option("identity", given.join(" and "), allowed));
        }
        if let Some(path) = &self.ca {
            holds("--ca", path, "CERTIFICATE")?;
        }
        if let Some((certificate, key)) = &self.certificate {
            holds("--certificate", certificate, "CERTIFICATE")?;
            holds("--key", key, "PRIVATE KEY")?;
        }
        Ok(())
    }

    /// A client that reconnects for ever, and says so in `notice`.
    ///
    /// # Errors
    /// [`Error::Connect`], which says what is wrong: nobody there, wrong credentials, a certificate that is not trusted.
    pub(crate) async fn connect(&self, name: &str, notice: Notice) -> Result<Client> {
        self.check()?;
        // The events of the first connection are no news.
        let told = Arc::new(AtomicBool::new(false));
        let (shown, was_down) = (self.shown(), told.clone());
        let mut options = ConnectOptions::new()
            .name(name)
            .ping_interval(PING_INTERVAL)
            .max_reconnects(None)
            .reconnect_delay_callback(|attempt| {
                Duration::from_millis(if attempt < 2 { 0 } else { 100 })
            })
            .event_callback(move |event| {
                let (notice, shown, was_down) = (notice.clone(), shown.clone(), was_down.clone());
                async move {
                    match event {
                        Event::Disconnected if !was_down.swap(true, Ordering::SeqCst) => {
                            notice(&format!("the link to {shown} is down; it is tried again"));
                        }
                        Event::Connected if was_down.swap(false, Ordering::SeqCst) => {
                            notice(&format!("the link to {shown} is back"));
                        }
                        Event::ServerError(error) => notice(&format!("{shown}: {error}")),
                        _ => {}
                    }
                }
            });
        if let Some(path) = &self.credentials {
            let read = options.credentials_file(path).await;
            options = read.map_err(Error::file(path))?;
        }
        if let Some(path) = &self.nkey {
            options = options.nkey(self.secret("--nkey", path)?);
        }
        if let Some(path) = &self.token {
            options = options.token(self.secret("--token", path)?);
        }
        if let Some(path) = &self.ca {
            options = options
                .add_root_certificates(path.clone())
                .require_tls(true);
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let addresses: Vec<&str> = self.address.split(',').map(str::trim).collect();
        let connecting = tokio::time::timeout(FIRST_ANSWER, options.connect(addresses));
        match connecting.await {
            Err(_) => Err(self.refused("no answer within 10 s; is it a NATS server?")),
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(self.refused(self.explained(&error))),
        }
    }

    /// What is wrong, from the kind of the error and, where the client has one kind for all, from its text.
    fn explained(&self, error: &async_nats::ConnectError) -> String {
        let text = chain(error);
        let lower = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let given = match (&self.credentials, &self.nkey, &self.token) {
            (Some(path), ..) => format!("the credentials in {}", path.display()),
            (_, Some(path), _) => format!("the nkey in {}", path.display()),
            (_, _, Some(path)) => format!("the token in {}", path.display()),
            _ if self.address.contains('@') => "user and password".to_owned(),
            _ => "a client without credentials".to_owned(),
        };
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation => {
                format!("the server refuses {given} ({text}); see --credentials, --nkey, --token")
            }
            ConnectErrorKind::Authentication => {
                format!("{given}: not a key that can sign ({text})")
            }
            ConnectErrorKind::ServerParse => {
                format!("not an address ({text}); write nats://host:4222")
            }
            ConnectErrorKind::Dns => format!("no such host ({text})"),
            _ if has(&["refused"]) => {
                format!("nobody listens there ({text}); start one with `nats-server -js`")
            }
            // An authority that was made anew has the name of the old one, so its signature is looked at, and is wrong.
            _ if has(&["unknownissuer", "unknown issuer", "badsignature"]) => {
                format!(
                    "its certificate is signed by nobody we trust ({text}); name the CA with --ca"
                )
            }
            _ if has(&["notvalidforname", "not valid for name"]) => {
                format!("its certificate is for another host ({text}); connect by the name in it")
            }
            _ if has(&["certificaterequired", "certificate required"]) => {
                format!("it asks for a certificate of ours ({text}); see --certificate")
            }
            _ if has(&["invalidcontenttype"]) => format!(
                "it does not speak TLS ({text}); write nats:// and leave out --ca, or give the server a certificate with `tls` in its config"
            ),
            _ if has(&["expired"]) => format!("its certificate has expired ({text})"),
            _ if has(&["tls", "certificate", "unexpected eof"]) => format!(
                "TLS failed ({text}); does the server speak TLS, and is --ca the certificate of its authority?"
            ),
            _ => text,
        }
    }
}

/// A client takes a file without the block that it looks for as an empty one, and fails later for another reason.
fn holds(field: &str, path: &Path, block: &str) -> Result<()> {
    let content = std::fs::read(path).map_err(Error::file(path))?;
    let text = String::from_utf8_lossy(&content);
    let ending = format!("{block}-----");
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&ending);
    if text.lines().any(begins) {
        return Ok(());
    }
    let allowed = format!("give a PEM file, with a line `-----BEGIN {block}-----`; it has none");
    Err(Error::option(field, path.display(), allowed))
}

/// An error and what is behind it, with nothing said twice: many say what is behind them as a part of their own text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        for part in error.to_string().split(": ") {
            // The client puts its own name before what servers say.
            if part != "nats" && !said.iter().any(|before| before == part) {
                said.push(part.to_owned());
            }
        }
        next = error.source();
    }
    said.join(": ")
}
