//! The client of the server that a command was told to talk to.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use aqueduct_client::{Client, Options, Token};

use crate::fault::Fault;
use crate::flags::Server;
use crate::text::shown;

/// A client that moves a large blob over `streams` connections, or as many as are usual.
pub(crate) fn client(server: &Server, streams: Option<NonZeroUsize>) -> Result<Client, Fault> {
    let usual = Options::default();
    let options = Options {
        token: token(server)?,
        timeout: Duration::from_secs(server.timeout),
        retry_count_max: server.retry,
        stream_count: streams.unwrap_or(usual.stream_count),
        ..usual
    };
    Ok(Client::new(server.endpoint.clone(), options))
}

/// The same over HTTP, for what has no word in the native protocol.
pub(crate) fn http_client(server: &Server) -> Result<Client, Fault> {
    client(&Server { endpoint: server.endpoint.over_http(), ..server.clone() }, None)
}

/// From a file or the environment: the command line can be read by everybody on the machine.
fn token(server: &Server) -> Result<Option<Token>, Fault> {
    if let Some(path) = &server.token_file {
        let name = shown(path);
        let text = fs::read_to_string(path).map_err(Fault::local(format!("read the token in {name}")))?;
        let token = Token::in_file(&text).map_err(|error| Fault::Usage(format!("{name}: {error}")))?;
        return Ok(Some(token));
    }
    match env::var(TOKEN) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => match text.parse() {
            Ok(token) => Ok(Some(token)),
            Err(error) => Err(Fault::Usage(format!("{TOKEN}: {error}"))),
        },
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Fault::Usage(format!("{TOKEN} holds no text"))),
    }
}

const TOKEN: &str = "AQUEDUCT_TOKEN";
