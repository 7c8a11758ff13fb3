//! Names that the server is not to evict.

use aqueduct_blob::Digest;
use http::{Method, StatusCode};

use super::questions::digest;
use crate::error::Error;
use crate::http::HttpClient;
use crate::listing::PinPage;

impl HttpClient {
    /// Pins a name; true if its blob is there.
    pub(crate) fn pin(&self, name: &Digest) -> Result<bool, Error> {
        let request = self.head(&Method::PUT, &target(name)).field("Content-Length", 0).finish();
        self.site.persist(|_| {
            let response = self.ask(&Method::PUT, &request)?;
            if !matches!(response.status(), StatusCode::CREATED | StatusCode::OK) {
                return Err(response.failure());
            }
            response.json()?["present"].as_bool().ok_or_else(|| self.nonsense("presence"))
        })
    }

    /// Takes a pin away; false if there was none.
    pub(crate) fn unpin(&self, name: &Digest) -> Result<bool, Error> {
        let request = self.head(&Method::DELETE, &target(name)).finish();
        // Asked again after its answer was lost, it would say that there was none.
        let response = self.ask(&Method::DELETE, &request)?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(response.failure()),
        }
    }

    pub(crate) fn pins(&self, after: Option<&Digest>) -> Result<PinPage, Error> {
        let target = after.map_or_else(|| ROOT.to_owned(), |after| format!("{ROOT}?after={after}"));
        let request = self.head(&Method::GET, &target).finish();
        let answer = self.site.persist(|_| {
            let response = self.ask(&Method::GET, &request)?;
            if response.status() == StatusCode::OK { response.json() } else { Err(response.failure()) }
        })?;
        let pins = answer["pins"].as_array().and_then(|pins| pins.iter().map(digest).collect());
        let pins = pins.ok_or_else(|| self.nonsense("pins"))?;
        let next = digest(&answer["next"]);
        // Whoever follows it would go in circles.
        if after.is_some() && next.is_some() && next.as_ref() <= after {
            return Err(self.nonsense("next page"));
        }
        Ok(PinPage { pins, next })
    }
}

fn target(name: &Digest) -> String {
    format!("{ROOT}/{name}")
}

const ROOT: &str = "/pins";
