//! Servers for tests: one, or three that are one cluster. They end with the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use trimtab_cluster::Server;

/// A server that is killed when it goes out of scope.
pub struct Running {
    child: Option<Child>,
    arguments: Vec<String>,
    pub port: u16,
}

impl Running {
    fn start(arguments: Vec<String>, port: u16) -> Self {
        let mut running = Self {
            child: None,
            arguments,
            port,
        };
        running.again();
        running
    }

    /// Starts it again, on the same port and files.
    pub fn again(&mut self) {
        let child = Command::new(program().unwrap())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        let begun = Instant::now();
        while !listens(self.port) {
            assert!(begun.elapsed() < Duration::from_secs(20), "no server");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program, if there is one.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .find(|file| file.is_file());
    let program = named.or(found);
    assert!(
        program.is_some() || std::env::var_os("NATS_SERVER_REQUIRED").is_none(),
        "nats-server is missing"
    );
    if program.is_none() {
        eprintln!("skipped: there is no nats-server in the path");
    }
    program
}

/// Whether somebody else listens there: where nobody does, a connection from a port of the same number meets itself.
pub fn listens(port: u16) -> bool {
    let connected = TcpStream::connect(("127.0.0.1", port));
    connected.is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One server with JetStream, with more lines for its config file.
pub fn one_with(folder: &Path, lines: &str) -> Option<Running> {
    program()?;
    let port = free_port();
    let config = folder.join(format!("server-{port}.conf"));
    let store = folder.join("store");
    let text = format!(
        "listen: 127.0.0.1:{port}\njetstream {{ store_dir: {:?} }}\n{lines}\n",
        store.display().to_string()
    );
    fs::write(&config, text).unwrap();
    let arguments = vec!["-c".to_owned(), config.display().to_string()];
    Some(Running::start(arguments, port))
}

/// One server with JetStream.
pub fn one(folder: &Path) -> Option<Running> {
    one_with(folder, "")
}

/// One server in a folder of its own, and how to reach it.
pub fn alone() -> Option<(tempfile::TempDir, Running, Server)> {
    let folder = tempfile::tempdir().unwrap();
    let running = one(folder.path())?;
    let server = at(std::slice::from_ref(&running));
    Some((folder, running, server))
}

/// Three servers that replicate everything.
pub fn three(folder: &Path) -> Option<Vec<Running>> {
    program()?;
    let ports: Vec<(u16, u16)> = (0..3).map(|_| (free_port(), free_port())).collect();
    let routes: Vec<String> = ports
        .iter()
        .map(|(_, route)| format!("nats://127.0.0.1:{route}"))
        .collect();
    let start = |index: usize| {
        let (port, route) = ports[index];
        let config = folder.join(format!("server-{index}.conf"));
        let store = folder.join(format!("store-{index}"));
        let text = format!(
            "server_name: n{index}\nlisten: 127.0.0.1:{port}\njetstream {{ store_dir: {:?} }}\n\
             cluster {{ name: c, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
            store.display().to_string(),
            routes.join(", ")
        );
        fs::write(&config, text).unwrap();
        let arguments = vec!["-c".to_owned(), config.display().to_string()];
        Running::start(arguments, port)
    };
    Some((0..3).map(start).collect())
}

/// How to reach them.
pub fn at(running: &[Running]) -> Server {
    let each = running
        .iter()
        .map(|one| format!("nats://127.0.0.1:{}", one.port));
    Server {
        lease: crate::process::LEASE,
        ..Server::at(each.collect::<Vec<_>>().join(","))
    }
}

/// Which of the servers leads the stream of results. They are asked until they have chosen one.
pub fn leader_of_results(running: &[Running]) -> usize {
    if running.len() == 1 {
        return 0;
    }
    let raw = Raw::connect(&at(running));
    let begun = Instant::now();
    loop {
        let leader = raw.run(async |context| {
            let stream = context.get_stream("trimtab_results").await.ok()?;
            stream.cached_info().cluster.as_ref()?.leader.clone()
        });
        let mut names = (0..running.len()).map(|index| format!("n{index}"));
        if let Some(index) = names.position(|name| Some(name) == leader) {
            return index;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no leader");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A client that is none of ours.
pub struct Raw {
    runtime: tokio::runtime::Runtime,
    context: async_nats::jetstream::Context,
}

impl Raw {
    pub fn connect(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let context = runtime.block_on(async {
            let client = async_nats::connect(server.address.split(',').collect::<Vec<_>>())
                .await
                .unwrap();
            async_nats::jetstream::new(client)
        });
        Self { runtime, context }
    }

    /// Does this.
    pub fn run<T>(&self, work: impl AsyncFnOnce(&async_nats::jetstream::Context) -> T) -> T {
        self.runtime.block_on(work(&self.context))
    }
}
