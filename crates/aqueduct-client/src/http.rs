//! HTTP/1.1, spoken to the blobs door.

mod body;
mod client;
mod connection;
mod download;
mod entries;
mod head;
mod pins;
mod problem;
mod questions;
mod response;
mod upload;

pub(crate) use client::HttpClient;
pub(crate) use download::HttpDownload;
pub(crate) use problem::Problem;
pub(crate) use response::Response;
