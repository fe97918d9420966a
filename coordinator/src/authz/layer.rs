//! The table in the path of every request, and the end of what goes on when a certificate is withdrawn.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::Either;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Caller, OperatorBook, decide};

/// Puts [`Authz`] before a service.
#[derive(Debug, Clone, Default)]
pub struct AuthzLayer {
    book: OperatorBook,
}

impl AuthzLayer {
    /// Certificates of operators and viewers must be in this book.
    pub fn new(book: OperatorBook) -> Self {
        Self { book }
    }
}

/// Lets a request through when the table says so.
#[derive(Debug, Clone)]
pub struct Authz<S> {
    inner: S,
    book: OperatorBook,
}

impl<S> Layer<S> for AuthzLayer {
    type Service = Authz<S>;
    fn layer(&self, inner: S) -> Authz<S> {
        Authz { inner, book: self.book.clone() }
    }
}

type Answered<E> = Result<Response<Body>, E>;

impl<S> Service<Request<Body>> for Authz<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future =
        Either<Either<Ready<Answered<S::Error>>, S::Future>, Pin<Box<dyn Future<Output = Answered<S::Error>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match check(&request, &self.book) {
            Err(refusal) => Either::Left(Either::Left(ready(Ok(refusal.into_http())))),
            Ok(None) => Either::Left(Either::Right(self.inner.call(request))),
            Ok(Some((caller, withdrawal))) => {
                let answer = self.inner.call(request);
                Either::Right(Box::pin(until_withdrawn(answer, caller, withdrawal)))
            }
        }
    }
}

/// The answer, and all that streams in it, for as long as the caller's certificate is good.
async fn until_withdrawn<E>(
    answer: impl Future<Output = Answered<E>>,
    caller: Caller,
    withdrawal: CancellationToken,
) -> Answered<E> {
    let response = tokio::select! {
        () = withdrawal.cancelled() => return Ok(withdrawn(&caller).into_http()),
        response = answer => response?,
    };
    let (parts, body) = response.into_parts();
    let frames = stream::unfold(Some(BodyStream::new(body)), move |frames| {
        let (withdrawal, caller) = (withdrawal.clone(), caller.clone());
        async move {
            let mut frames = frames?;
            tokio::select! {
                biased;
                () = withdrawal.cancelled() => {
                    let status = withdrawn(&caller).into_http::<Body>();
                    Some((Ok(Frame::trailers(status.into_parts().0.headers)), None))
                }
                frame = frames.next() => frame.map(|frame| (frame, Some(frames))),
            }
        }
    });
    Ok(Response::from_parts(parts, Body::new(StreamBody::new(frames))))
}

/// Whether the request may pass; with what ends it, where its caller's certificate can be withdrawn.
fn check(request: &Request<Body>, book: &OperatorBook) -> Result<Option<(Caller, CancellationToken)>, Status> {
    // Without an extension the request did not come through the listener: a fault of ours, refused all the same.
    let caller = request.extensions().get::<Caller>().ok_or_else(|| Status::unauthenticated("unknown caller"))?;
    let path = request.uri().path();
    let judge = || {
        let Some(serial) = &caller.serial else { return decide(path, caller).map(|()| None) };
        let withdrawal = book.withdrawal(serial).ok_or_else(|| withdrawn(caller))?;
        decide(path, caller).map(|()| Some((caller.clone(), withdrawal)))
    };
    judge().inspect_err(|refusal| {
        tracing::info!(caller = caller.name, origin = caller.origin, path, code = ?refusal.code(), "call refused");
    })
}

fn withdrawn(caller: &Caller) -> Status {
    let name = &caller.name;
    Status::unauthenticated(format!(
        "the certificate of {name} was withdrawn\nhint: `throng operator add {name}` on the coordinator's machine makes \
         another"
    ))
}
