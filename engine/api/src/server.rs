//! The thread that answers requests.
//!
//! Nobody on the other end is trusted to be quick. A connection has one request, whose head must be
//! there within [`HEAD_PATIENCE`]; bodies are not read; and it ends with the answer, or after
//! [`PATIENCE`] whatever it does. Connections beyond [`CONNECTIONS_MAX`] are hung up at once.

use crate::page::{Page, page};
use crate::status::Board;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the head of a request may take.
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection may last.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections there may be at once.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// The longest head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How soon an order to stop is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// Answers requests until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers who connects to `listener` with what is on `board`.
    ///
    /// # Errors
    /// What the machine says, if it gives no thread or cannot wait for connections.
    pub fn start(listener: TcpListener, board: Board) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let answer = move || {
            if let Err(error) = runtime.block_on(listen(listener, &board, &over)) {
                tracing::error!("the API has ended: {error}");
            }
            // Connections that are still open are not waited for.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("api".to_owned()).spawn(answer)?;
        Ok(Self { address, is_over, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(listener: TcpListener, board: &Board, over: &AtomicBool) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connected = Arc::new(AtomicUsize::new(0));
    while !over.load(Relaxed) {
        match timeout(GLANCE, listener.accept()).await {
            Err(_) => {}
            Ok(Ok((stream, _))) if connected.load(Relaxed) < CONNECTIONS_MAX => {
                connected.fetch_add(1, Relaxed);
                let place = Place(connected.clone());
                tokio::spawn(serve(stream, board.clone(), place));
            }
            // Hung up on: waiting in line would help nobody who is in a hurry.
            Ok(Ok(_)) => tracing::debug!("the API has no room for another connection"),
            // Out of descriptors, or the other end is gone already: either passes.
            Ok(Err(error)) => {
                tracing::warn!("the API cannot take a connection: {error}");
                tokio::time::sleep(GLANCE).await;
            }
        }
    }
    Ok(())
}

/// A connection's place among those that there may be.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

async fn serve(stream: TcpStream, board: Board, _place: Place) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, &board);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // However it ends, it ends for this one alone.
    let _ = timeout(PATIENCE, connection).await;
}

fn answer(request: &Request<Incoming>, board: &Board) -> Response<String> {
    let uri = request.uri();
    let page = match names_a_machine(request.headers()) {
        true => page(request.method(), uri.path(), uri.query(), &board.look()),
        false => Page::refused(StatusCode::FORBIDDEN, "ask by address, or as localhost"),
    };
    let mut response = Response::new(page.text);
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a request says an address for a host, or `localhost`: a page in somebody's browser whose
/// name was made to lead here says its own.
fn names_a_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let is_address = host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    is_address || host.split(':').next() == Some("localhost")
}
