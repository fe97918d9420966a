//! The table in the path of every request.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Caller, decide};

/// Puts [`Authz`] before a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthzLayer;

/// Lets a request through when the table says so.
#[derive(Debug, Clone)]
pub struct Authz<S> {
    inner: S,
}

impl<S> Layer<S> for AuthzLayer {
    type Service = Authz<S>;
    fn layer(&self, inner: S) -> Authz<S> {
        Authz { inner }
    }
}

impl<S> Service<Request<Body>> for Authz<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match check(&request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(refusal) => Either::Left(ready(Ok(refusal.into_http()))),
        }
    }
}

fn check(request: &Request<Body>) -> Result<(), Status> {
    // Without an extension the request did not come through the listener: a fault of ours, refused all the same.
    let caller = request.extensions().get::<Caller>().ok_or_else(|| Status::unauthenticated("unknown caller"))?;
    let path = request.uri().path();
    decide(path, caller).inspect_err(|refusal| {
        tracing::info!(caller = caller.name, origin = caller.origin, path, code = ?refusal.code(), "call refused");
    })
}
