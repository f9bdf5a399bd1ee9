//! What browsers need: wss, compression, proxies in front.

mod compression;
mod http2;
mod many;
mod page;
mod proxied;
mod proxy;
mod site;

pub(crate) use self::page::Page;
