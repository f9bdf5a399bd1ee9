//! What browsers need: wss, compression, proxies in front.

mod compression;
mod page;
mod site;
