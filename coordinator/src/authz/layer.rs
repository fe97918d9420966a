//! The table in the path of every request, and the end of what goes on when a certificate is withdrawn.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
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
        () = withdrawal.cancelled() => return Ok(withdrawn_status(&caller).into_http()),
        response = answer => response?,
    };
    let withdrawn = Box::pin(withdrawal.cancelled_owned());
    Ok(response.map(|body| Body::new(UntilWithdrawn { body, caller, withdrawn: Some(withdrawn) })))
}

/// What is answered, cut short by the status of a withdrawn certificate.
struct UntilWithdrawn {
    body: Body,
    caller: Caller,
    /// None: it was withdrawn and that was said.
    withdrawn: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl hyper::body::Body for UntilWithdrawn {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(withdrawn) = &mut self.withdrawn else { return Poll::Ready(None) };
        if withdrawn.as_mut().poll(cx).is_ready() {
            self.withdrawn = None;
            let status = withdrawn_status(&self.caller).into_http::<Body>();
            return Poll::Ready(Some(Ok(Frame::trailers(status.into_parts().0.headers))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    /// A status alone is one frame of headers, which gRPC's C core wants to be the last one.
    fn is_end_stream(&self) -> bool {
        self.withdrawn.is_none() || self.body.is_end_stream()
    }
}

/// Whether the request may pass; with what ends it, where its caller's certificate can be withdrawn.
fn check(request: &Request<Body>, book: &OperatorBook) -> Result<Option<(Caller, CancellationToken)>, Status> {
    // Without an extension the request did not come through the listener: a fault of ours, refused all the same.
    let caller = request.extensions().get::<Caller>().ok_or_else(|| Status::unauthenticated("unknown caller"))?;
    let path = request.uri().path();
    let judge = || {
        let Some(serial) = &caller.serial else { return decide(path, caller).map(|()| None) };
        let withdrawal = book.withdrawal(serial).ok_or_else(|| withdrawn_status(caller))?;
        decide(path, caller).map(|()| Some((caller.clone(), withdrawal)))
    };
    judge().inspect_err(|refusal| {
        tracing::info!(caller = caller.name, origin = caller.origin, path, code = ?refusal.code(), "call refused");
    })
}

fn withdrawn_status(caller: &Caller) -> Status {
    let name = &caller.name;
    Status::unauthenticated(format!(
        "the certificate of {name} was withdrawn\nhint: `throng operator add {name}` on the coordinator's machine makes \
         another"
    ))
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_status_alone_ends_with_its_headers_and_a_withdrawal_ends_what_streams() {
        let caller = Caller {
            role: crate::authz::CallerRole::Operator,
            name: "ci".to_owned(),
            origin: "here".to_owned(),
            uid: None,
            serial: None,
        };
        let withdrawal = CancellationToken::new();
        let over = async { Ok::<_, std::convert::Infallible>(Status::not_found("no such node").into_http()) };
        let response = until_withdrawn(over, caller.clone(), withdrawal.clone()).await.unwrap();
        assert!(response.body().is_end_stream());

        let endless = http_body_util::StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Status>>());
        let streaming = async { Ok::<_, std::convert::Infallible>(Response::new(Body::new(endless))) };
        let mut body = until_withdrawn(streaming, caller, withdrawal.clone()).await.unwrap().into_body();
        assert!(!body.is_end_stream());
        withdrawal.cancel();
        let last = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        assert_eq!(last.into_trailers().unwrap()["grpc-status"], "16", "unauthenticated");
        assert!(body.is_end_stream());
    }
}
