use clap::Args;

use super::TEMPLATE;

/// Be the storage of ccache for a server elsewhere; ccache starts this by itself
///
/// For "remote_storage = aqueduct://HOST:PORT" ccache (4.13 and later) starts ccache-storage-aqueduct, which it looks for in its
/// own directory and in $PATH: make that a link to this program. It says by variables of the environment where to listen
/// (CRSH_IPC_ENDPOINT), for which server (CRSH_URL), how many seconds after its last compile to end (CRSH_IDLE_TIMEOUT), and
/// what attributes are set (CRSH_NUM_ATTR, CRSH_ATTR_KEY_0, CRSH_ATTR_VALUE_0, ...): @bearer-token=TOKEN or @token-file=FILE. Called
/// without arguments where the first is set, this program does the same.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Crsh {}

const EXAMPLES: &str = "\
Examples:
  ln -s /usr/bin/aqueduct ~/.local/bin/ccache-storage-aqueduct
  ccache --set-config remote_storage=aqueduct://HOST:7070";
