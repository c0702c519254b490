//! The page that Prometheus reads: `GET /metrics`.

use crate::{Error, Result};
use prometheus::{Registry, TextEncoder};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tiny_http::{Header, Method, Response, Server};

/// The format of the page, as Prometheus calls it.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page that is served until this is dropped.
pub(crate) struct Page {
    server: Arc<Server>,
    address: SocketAddr,
}

impl Page {
    /// Serves the metrics of a registry at an address such as `127.0.0.1:9464`; port 0 takes a free one.
    pub(crate) fn serve(address: &str, registry: Registry) -> Result<Self> {
        let refuse = |problem: String| {
            let allowed = format!("give a free address such as 127.0.0.1:9464 ({problem})");
            Error::option("--metrics", address, allowed)
        };
        let listener = TcpListener::bind(address).map_err(|error| refuse(error.to_string()))?;
        let address = listener.local_addr().map_err(Error::start)?;
        let server = Server::from_listener(listener, None).map_err(Error::start)?;
        let server = Arc::new(server);
        let serving = server.clone();
        let thread = std::thread::Builder::new().name("metrics".to_owned());
        let thread = thread.spawn(move || {
            for request in serving.incoming_requests() {
                let answer = match (request.method(), request.url()) {
                    (Method::Get, "/metrics") => page(&registry),
                    _ => Response::from_string("see /metrics\n").with_status_code(404),
                };
                // Whoever asked may be gone.
                request.respond(answer).unwrap_or_default();
            }
        });
        thread.map_err(Error::start)?;
        Ok(Self { server, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn page(registry: &Registry) -> Response<std::io::Cursor<Vec<u8>>> {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => {
            let page = Response::from_string(text);
            match Header::from_bytes("Content-Type", FORMAT) {
                Ok(header) => page.with_header(header),
                Err(()) => page,
            }
        }
        Err(error) => Response::from_string(error.to_string()).with_status_code(500),
    }
}
