use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use aqueduct_client::{Endpoint, EndpointParseError};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};

use super::SECONDS_MAX;

/// Where the blobs are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a store, which this program opens itself.
    Store(PathBuf),
    Server(Server),
}

/// A server, and what is needed to talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) token_file: Option<PathBuf>,
    /// In seconds.
    pub(crate) timeout: u64,
    pub(crate) retry: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where the blobs are")]
struct PlaceFlags {
    /// A store's directory; no server may have it open
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    store: Option<PathBuf>,

    /// A server's address: aqueduct://HOST:PORT, or http://HOST:PORT [default: aqueduct://127.0.0.1:7070]
    ///
    /// Both are spoken on one port. aqueduct:// is faster for many small files, and goes on where a large one broke off.
    ///
    /// A flag counts more than a variable, and that more than a configuration file. Where both variables are set and no flag is
    /// given, the server counts, and so it does where both stand in files: while it runs, nobody else can open its store.
    // Read only where it counts, and then without clap, which would show a password in it.
    #[arg(long, env = "AQUEDUCT_SERVER", hide_env_values = true, value_name = "URL", value_hint = ValueHint::Url)]
    server: Option<OsString>,

    /// A file with the token that lets one into the server, or the server's own list of tokens
    ///
    /// Without it, AQUEDUCT_TOKEN may hold a token. A token is sent in clear text.
    #[arg(long, env = "AQUEDUCT_TOKEN_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,

    /// How long the server may be silent while bytes move, and take to connect
    #[arg(long, env = "AQUEDUCT_TIMEOUT", value_name = "SECONDS", default_value = "30",
          value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    timeout: u64,

    /// How often to try again without a byte of progress where the connection breaks
    ///
    /// Each pause is twice as long as the one before, up to 8 seconds. A server that never answered is not waited for.
    #[arg(long, env = "AQUEDUCT_RETRY", value_name = "COUNT", default_value = "6")]
    retry: u32,
}

impl Args for Place {
    fn augment_args(command: Command) -> Command {
        // The heading is for these flags alone.
        PlaceFlags::augment_args(command).next_help_heading(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        PlaceFlags::augment_args_for_update(command).next_help_heading(None)
    }
}

/// clap's own conflicts make no difference between a flag and a variable. What files say are defaults to it.
impl FromArgMatches for Place {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let (store_source, server_source) = (matches.value_source("store"), matches.value_source("server"));
        if (store_source, server_source) == (Some(ValueSource::CommandLine), Some(ValueSource::CommandLine)) {
            let text = "--store works on a directory and --server talks to a server: give one of them";
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        let PlaceFlags { store, server, token_file, timeout, retry } =
            PlaceFlags::from_arg_matches_mut(matches)?;
        let at = |endpoint| Self::Server(Server { endpoint, token_file, timeout, retry });
        Ok(match (store, server) {
            (Some(store), _) if store_source > server_source => Self::Store(store),
            (_, Some(url)) => at(endpoint(&url, server_source)?),
            (Some(store), None) => Self::Store(store),
            (None, None) => at(DEFAULT_SERVER.parse().expect("the default is an address")),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The address that a URL is; an error does not show it.
fn endpoint(url: &OsStr, source: Option<ValueSource>) -> Result<Endpoint, clap::Error> {
    let parsed = url.to_str().ok_or_else(|| "it is no text".to_owned());
    let parsed = parsed.and_then(|url| url.parse().map_err(|error: EndpointParseError| error.to_string()));
    parsed.map_err(|reason| {
        let name = match source {
            Some(ValueSource::CommandLine) => "--server",
            Some(ValueSource::EnvVariable) => "AQUEDUCT_SERVER",
            _ => "server in a configuration file",
        };
        clap::Error::raw(ErrorKind::ValueValidation, format!("{name}: {reason}"))
    })
}

/// Where `serve` listens if nobody says otherwise.
const DEFAULT_SERVER: &str = "aqueduct://127.0.0.1:7070";
