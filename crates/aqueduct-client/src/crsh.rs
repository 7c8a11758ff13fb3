//! A storage of ccache, for a server that may be elsewhere. ccache starts a program that speaks its protocol (CRSH) on a Unix
//! socket; what is asked there is asked of the server over HTTP, by connections that are kept.

mod call;

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aqueduct_sys::{Readiness, wait_at_most};
use http::uri::Uri;

use crate::endpoint::{Endpoint, EndpointParseError};
use crate::error::{Error, ErrorKind};
use crate::http::HttpClient;
use crate::options::Options;
use crate::patience::rest;
use crate::site::Site;
use crate::stream::uninterrupted;
use call::Call;

/// What ccache keeps on a server: the entries that it finds there over HTTP, too.
#[derive(Debug)]
pub struct CcacheStorage {
    http: HttpClient,
    /// What stands before a key in a path: it ends in a slash.
    prefix: String,
    /// What ccache is to note in its log.
    diagnostics: Vec<String>,
    /// Until when the server is not asked again, which could not be reached.
    down_until: Mutex<Option<Instant>>,
}

/// Who is served.
#[derive(Debug)]
struct Callers {
    count: usize,
    /// When there was last somebody.
    left: Instant,
}

impl CcacheStorage {
    /// On the server of a URL: `aqueduct://HOST:PORT` or `http://HOST:PORT`, both of which are spoken to over HTTP, and a prefix
    /// that keeps what one team has apart from what others have, if there is one. ccache notes `diagnostics` in its log.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL.
    pub fn new(url: &str, options: Options, diagnostics: Vec<String>) -> Result<Self, EndpointParseError> {
        let uri: Uri = url.parse()?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EndpointParseError::NoScheme);
        };
        if uri.query().is_some() {
            return Err(EndpointParseError::Path);
        }
        let endpoint: Endpoint = format!("{scheme}://{authority}").parse()?;
        let prefix = match uri.path().trim_matches('/') {
            "" => "/".to_owned(),
            prefix => format!("/{prefix}/"),
        };
        let http = HttpClient::new(Site::new(endpoint.over_http(), options));
        Ok(Self { http, prefix, diagnostics, down_until: Mutex::default() })
    }

    /// Serves what `listener` brings until nobody is connected, and nobody was for as long as `idle`. `stop` is called when
    /// ccache wants this program to end at once, and need not return.
    ///
    /// # Errors
    ///
    /// Where nothing can be waited for.
    pub fn serve(
        &self,
        listener: &UnixListener,
        idle: Option<Duration>,
        stop: &(dyn Fn() + Sync),
    ) -> io::Result<()> {
        // A peer that is gone before it is accepted keeps nobody waiting.
        listener.set_nonblocking(true)?;
        let callers = Mutex::new(Callers { count: 0, left: Instant::now() });
        thread::scope(|scope| {
            loop {
                let left = lock(&callers).time_left(idle);
                // Whoever waits already is served.
                if !uninterrupted_wait(listener, left)? {
                    if left.is_zero() {
                        return Ok(());
                    }
                    continue;
                }
                let stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    // Gone again.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    // Without descriptors or memory, it fails again at once until somebody ends (accept(2)).
                    Err(_) => {
                        rest(ACCEPT_PAUSE);
                        continue;
                    }
                };
                // One too many is closed at once: ccache then compiles as if there were no storage.
                let Some(caller) = Caller::count(&callers) else { continue };
                let serve = move || {
                    let _caller = caller;
                    // Whoever went away is not told.
                    if let Ok(call) = Call::new(stream) {
                        let _ = call.serve(self, stop);
                    }
                };
                // Without a thread for it, it is closed, too.
                let _ = thread::Builder::new().spawn_scoped(scope, serve);
            }
        })
    }

    /// Asks the server, unless it could not be reached a moment ago: a build that starts thousands of compilers shall not wait
    /// for each of them in vain.
    fn ask<'s, T>(&'s self, ask: impl FnOnce(&'s HttpClient) -> Result<T, Error>) -> Result<T, String> {
        if lock(&self.down_until).is_some_and(|until| Instant::now() < until) {
            return Err(format!("{} cannot be reached", self.http.site.endpoint));
        }
        let asked = ask(&self.http);
        if let Err(error) = &asked {
            let is_down = error.kind() == ErrorKind::Connect;
            *lock(&self.down_until) = is_down.then(|| Instant::now() + DOWN_TIME);
        }
        asked.map_err(|error| error.to_string())
    }
}

impl Callers {
    /// How long to wait for another one; nothing where it is time to end.
    fn time_left(&self, idle: Option<Duration>) -> Duration {
        match idle {
            None => LOOK_EVERY,
            Some(idle) if self.count > 0 => idle.clamp(LOOK_EVERY_MIN, LOOK_EVERY),
            Some(idle) => idle.saturating_sub(self.left.elapsed()).min(LOOK_EVERY),
        }
    }
}

/// A connection that is counted, for as long as this is there.
struct Caller<'a>(&'a Mutex<Callers>);

impl<'a> Caller<'a> {
    fn count(callers: &'a Mutex<Callers>) -> Option<Self> {
        let mut counted = lock(callers);
        let has_room = counted.count < CALLER_COUNT_MAX;
        counted.count += usize::from(has_room);
        has_room.then_some(Self(callers))
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        let mut counted = lock(self.0);
        counted.count -= 1;
        counted.left = Instant::now();
    }
}

fn uninterrupted_wait(listener: &UnixListener, time: Duration) -> io::Result<bool> {
    let wait = || Ok(usize::from(wait_at_most(listener, &[Readiness::Readable], time)?));
    uninterrupted(wait).map(|is_ready| is_ready > 0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Each has a thread. A build starts a compiler for each core, or several.
const CALLER_COUNT_MAX: usize = 512;

/// What somebody may end in.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a server that could not be reached is left alone.
const DOWN_TIME: Duration = Duration::from_secs(3);

/// How late the end may come after the last caller has gone.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// However soon it is to be.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
