//! `GET /`: what this is and how to use it.

use http::StatusCode;

use super::answer::{Answer, text};

/// The page for a peer that called this server `host`, which was admitted: an address or a name of ours, and a port.
pub(super) fn page(html: bool, host: &str) -> Answer {
    let usage = USAGE.replace("HOST", host);
    if !html {
        return text(StatusCode::OK, "text/plain; charset=utf-8", usage.into_bytes());
    }
    let (title, rest) = usage.split_once('\n').expect("the usage has a first line");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Aqueduct</title>\n\
         <h1>Aqueduct</h1>\n<p>{title}</p>\n<pre>{}</pre>\n</html>\n",
        rest.trim().replace('&', "&amp;").replace('<', "&lt;")
    );
    text(StatusCode::OK, "text/html; charset=utf-8", page.into_bytes())
}

const USAGE: &str = "\
Aqueduct keeps large immutable files under the digest of their bytes, and knows that every byte is right.

Store a file under its SHA-256:
  curl -T FILE http://HOST/blobs/sha256:$(sha256sum < FILE | cut -c1-64)
Store what comes, and be told its name:
  curl --data-binary @FILE -H 'Content-Type: application/octet-stream' http://HOST/blobs
Fetch it, whole or from where it broke off:
  curl -OJ http://HOST/blobs/sha256:HEX
  wget -c http://HOST/blobs/sha256:HEX
  aria2c -x4 http://HOST/blobs/sha256:HEX
With the program itself, which verifies what it fetches:
  aqueduct put FILE... --server http://HOST
  aqueduct get sha256:HEX -o FILE --server http://HOST
Have builds keep what they make here; docs/doors/build-cache.md also has sccache, moon, Gradle, Turborepo and Nx:
  build --remote_cache=http://HOST                     in .bazelrc
  remote_storage = http://HOST|connect-timeout=2000    in ccache.conf

GET /blobs?after=DIGEST&limit=N   which blobs there are, a page at a time
POST /blobs/missing               which of {\"digests\": [...]} are not here
DELETE /blobs/DIGEST              remove one
GET /entries?namespace=NAME       what builds keep here under their keys, a page at a time
POST /uploads                     send one in pieces, as tus 1.0.0 has it
GET /healthz                      whether this server is well
GET /metrics                      what it counts, for Prometheus
GET /status                       how it is, as JSON
GET /ui                           the same and more, for people with a browser

Errors are application/problem+json. Where a token is needed, send \"Authorization: Bearer TOKEN\".
";
