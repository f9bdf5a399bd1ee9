//! Which path and method lead to which endpoint.

use std::pin::Pin;
use std::sync::Arc;

use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};

use super::Admin;
use super::answer::{Answer, Refused};
use super::call::Call;

/// Largest body of a request, in bytes, unless its route says otherwise.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What an endpoint comes to.
type Done = Pin<Box<dyn Future<Output = Result<Answer, Refused>> + Send>>;

/// All of them. A path is written as `/api/v1/clients/{client_id}`; a parameter is one segment, percent-encoded where it has
/// slashes of its own.
#[derive(Default)]
pub(super) struct Routes {
    /// Places in `paths`.
    tree: matchit::Router<usize>,
    paths: Vec<Path>,
}

/// A path and what its methods do.
struct Path {
    name: &'static str,
    routes: Vec<Route>,
}

/// What one method of a path does.
pub(super) struct Route {
    method: Method,
    /// Whether everybody may ask: those who watch over processes have no token.
    pub(super) is_open: bool,
    /// Largest body, in bytes.
    pub(super) body_bytes_max: usize,
    endpoint: Box<dyn Fn(Arc<Admin>, Call) -> Done + Send + Sync>,
}

impl Routes {
    /// Answers GET, and HEAD with it: hyper leaves the body of an answer to HEAD away.
    pub(super) fn get<E, F>(&mut self, path: &'static str, endpoint: E)
    where
        E: Fn(Arc<Admin>, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Refused>> + Send + 'static,
    {
        self.add(Method::GET, path, endpoint);
    }

    /// The same for those who have no token.
    pub(super) fn get_open<E, F>(&mut self, path: &'static str, endpoint: E)
    where
        E: Fn(Arc<Admin>, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Refused>> + Send + 'static,
    {
        self.add(Method::GET, path, endpoint).is_open = true;
    }

    /// Answers this method. What is returned can be told otherwise.
    pub(super) fn add<E, F>(&mut self, method: Method, path: &'static str, endpoint: E) -> &mut Route
    where
        E: Fn(Arc<Admin>, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Refused>> + Send + 'static,
    {
        let endpoint = Box::new(move |admin, call| -> Done { Box::pin(endpoint(admin, call)) });
        let route = Route { method, is_open: false, body_bytes_max: BODY_BYTES_MAX, endpoint };
        let place = self.paths.iter().position(|known| known.name == path).unwrap_or_else(|| {
            let inserted = self.tree.insert(path, self.paths.len());
            debug_assert!(inserted.is_ok(), "{path}: {inserted:?}");
            self.paths.push(Path { name: path, routes: Vec::new() });
            self.paths.len() - 1
        });
        let routes = &mut self.paths[place].routes;
        routes.push(route);
        let last = routes.len() - 1;
        &mut routes[last]
    }

    /// Where a request leads, and what it says there but for its body.
    ///
    /// # Errors
    ///
    /// 404: there is no such path. 405: it is asked for otherwise. 400: a parameter is not UTF-8.
    pub(super) fn find(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
    ) -> Result<(&Route, Call), Refused> {
        let nothing = || Refused::new(StatusCode::NOT_FOUND, "nothing is served at this path");
        let found = self.tree.at(path).map_err(|_| nothing())?;
        let path = self.paths.get(*found.value).ok_or_else(nothing)?;
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let route = path.routes.iter().find(|route| route.method == method);
        let route = route.ok_or_else(|| path.refuse_method())?;
        Ok((route, Call::new(found.params.iter(), query)?))
    }

    /// Each path with each of its methods.
    #[cfg(test)]
    pub(super) fn list(&self) -> impl Iterator<Item = (&'static str, &Method)> {
        self.paths.iter().flat_map(|path| path.routes.iter().map(|route| (path.name, &route.method)))
    }
}

impl Path {
    fn refuse_method(&self) -> Refused {
        let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked for otherwise");
        let allowed = self.routes.iter().map(|route| match route.method {
            Method::GET => "GET, HEAD",
            ref method => method.as_str(),
        });
        let allowed: Vec<_> = allowed.collect();
        match HeaderValue::try_from(allowed.join(", ")) {
            Ok(allowed) => refused.with(header::ALLOW, allowed),
            Err(_) => refused,
        }
    }
}

impl Route {
    /// Whether it changes something, and takes arguments in a body for that.
    pub(super) fn takes_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT)
    }

    /// Has the endpoint answer.
    pub(super) fn answer(&self, admin: &Arc<Admin>, call: Call) -> Done {
        (self.endpoint)(Arc::clone(admin), call)
    }
}
