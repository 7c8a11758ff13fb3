//! Many small blobs.

use anyhow::Result;

use super::small_get::small;
use super::{REQUESTS, Row};
use crate::bench::rivals::rival::{APACHE, BARE, CADDY, DUFS, LIGHTTPD, MINISERVE, NGINX};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::Table;

pub(super) const ROW: Row = Row {
    name: "get-10k-files",
    title: "GET 4 KiB, 10,000 files",
    about: "the same, each request for one of 10,000 files, chosen at random: 40 MiB, all in the page cache",
    columns: REQUESTS,
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let all = stand.with(&[&BARE, &NGINX, &LIGHTTPD, &APACHE, &CADDY, &DUFS, &MINISERVE]);
    let blobs = &stand.library.small;
    small(stand, ROW.name, &blobs[..blobs.len().min(FILE_COUNT)], &all)
}

const FILE_COUNT: usize = 10_000;
