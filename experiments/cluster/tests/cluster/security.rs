//! Credentials and certificates: the messages say what is wrong.

use crate::process::notice;
use crate::servers::{at, free_port, one, one_with, program};
use std::fs;
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
    server.credentials = Some(folder.path().join("missing.creds"));
    assert!(refused(&server).contains("missing.creds"));
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
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let said = refused(&Server::at(format!("nats://127.0.0.1:{port}")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("nats-server -js"), "{said}");
}
