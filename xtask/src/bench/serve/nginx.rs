//! nginx as a file server that takes uploads.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;

/// A running nginx. Stopped when the value goes.
pub(super) struct Nginx {
    master: Child,
    address: String,
    root: PathBuf,
}

impl Nginx {
    /// Starts it over the files below `dir`.
    pub(super) fn start(program: &Path, dir: &Path) -> Result<Self> {
        let root = dir.join("root");
        fs::create_dir_all(&root)?;
        // nginx cannot be told to take any port: the one that was free a moment ago will do.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let text = format!("{}{}", frame(dir)?, SHOWN).replace("ADDRESS", &address);
        let config = dir.join("nginx.conf");
        File::create(&config)?.write_all(text.as_bytes())?;
        let log = dir.join("error.log");
        let master = Command::new(program)
            .arg("-p")
            .arg(dir)
            .arg("-e")
            .arg(&log)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(File::create(dir.join("words"))?)
            .spawn()
            .context("nginx")?;
        let nginx = Self { master, address: format!("http://{address}"), root };
        let began = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let said = || fs::read_to_string(dir.join("words")).unwrap_or_default();
            ensure!(began.elapsed() < START_MAX, "nginx does not listen: {}", said());
        }
        Ok(nginx)
    }

    pub(super) fn pid(&self) -> u32 {
        self.master.id()
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where a file must lie to be served as `/NAME`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A killed master would leave its workers behind.
        let line = format!("kill -TERM {}", self.master.id());
        let _ = process::run(Command::new("bash").args(["-c", &line]));
        let _ = self.master.wait();
    }
}

/// As `nginx version: nginx/1.22.1`, which it says on standard error.
pub(super) fn version(program: &Path) -> Result<String> {
    Ok(process::run(Command::new(program).arg("-v"))?.stderr.trim().to_owned())
}

/// Where it may write, which says nothing about its speed.
fn frame(dir: &Path) -> Result<String> {
    let dir = dir.to_str().context("the target directory's path is not UTF-8")?;
    let mut text = format!("daemon off;\npid \"{dir}/pid\";\n");
    let said = process::run(Command::new("id").args(["--user", "--name"]))?;
    if said.stdout.trim() == "root" {
        // Its workers would be nobody, who may not look into a directory of root's.
        text.push_str("user root;\n");
    }
    Ok(text)
}

/// What decides how fast it is: everything that makes it faster at this.
pub(super) const SHOWN: &str = "\
worker_processes auto;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    client_max_body_size 0;
    client_body_temp_path body;
    proxy_temp_path unused; fastcgi_temp_path unused; uwsgi_temp_path unused; scgi_temp_path unused;
    server {
        listen ADDRESS reuseport;
        root root;
        dav_methods PUT DELETE;
    }
}
";

const START_MAX: Duration = Duration::from_secs(10);
