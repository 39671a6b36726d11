//! Asking a running daemon: one HTTP request, with nothing waited for without end.

use anyhow::{Context, Result, anyhow, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const ANSWER_MAX: usize = 16 << 20;
/// Where a daemon answers unless told otherwise.
pub(crate) const USUAL_URL: &str = "http://127.0.0.1:9100";

/// What is found at `path` of the daemon at `url`: `http://HOST:PORT`, or `HOST:PORT`.
pub(crate) fn fetch(url: &str, path: &str) -> Result<Vec<u8>> {
    let bare = url.strip_prefix("http://").unwrap_or(url);
    let bare = bare.trim_end_matches('/');
    let named = || format!("http://{bare}{path}");
    if bare.contains("://") || bare.contains('/') || !bare.contains(':') {
        bail!("\"{url}\" is no address of a daemon: {USUAL_URL} is one");
    }
    ask(bare, path).with_context(named)
}

fn ask(host: &str, path: &str) -> Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut stream = connect(host, until)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 1 << 14];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("does not answer within {} s", PATIENCE.as_secs());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part) {
            Ok(0) => return body(answer),
            Ok(_) if answer.len() > ANSWER_MAX => {
                bail!("answers with more than {ANSWER_MAX} bytes")
            }
            Ok(read) => answer.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn connect(host: &str, until: Instant) -> Result<TcpStream> {
    let addresses = host.to_socket_addrs().map_err(|_| anyhow!("there is no such host"))?;
    let mut refused = None;
    for address in addresses {
        let left = until.saturating_duration_since(Instant::now());
        match TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) => Err(anyhow!(error).context("nobody answers")),
        None => bail!("there is no such host"),
    }
}

/// The body of a whole answer whose status is 200.
fn body(mut answer: Vec<u8>) -> Result<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let foreign = || anyhow!("does not answer as a daemon does");
    let end = answer.windows(END.len()).position(|four| four == END).ok_or_else(foreign)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.strip_prefix("http/1.1 ")).ok_or_else(foreign)?;
    let body = answer.split_off(end + END.len());
    if !status.starts_with("200") {
        bail!("answers {status}");
    }
    let length = lines.find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse::<usize>().ok());
    match length.ok_or_else(foreign)? {
        length if length == body.len() => Ok(body),
        length => bail!("breaks off after {} of {length} bytes", body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Asks somebody who says this and hangs up.
    fn asked(said: &'static str) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1:"));
            stream.write_all(said.as_bytes()).unwrap();
        });
        let fetched = fetch(&url, "/status");
        server.join().unwrap();
        let told = fetched.map_err(|error| format!("{error:#}"));
        let told = told.map_err(|error| error.split_once("/status: ").unwrap().1.to_string());
        told.map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn an_answer_is_whole_or_an_error() {
        let told = asked("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(told.as_deref(), Ok("hi"));
        let error = |said| asked(said).unwrap_err();
        assert_eq!(error("HTTP/1.1 404 Not Found\r\n\r\n"), "answers 404 not found");
        assert_eq!(
            error("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"),
            "breaks off after 2 of 5 bytes"
        );
        for said in ["", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhi"] {
            assert_eq!(error(said), "does not answer as a daemon does");
        }
    }

    #[test]
    fn only_a_host_with_a_port_is_asked() {
        for url in ["https://127.0.0.1:1", "127.0.0.1", "http://a:1/b", "", "file:///etc"] {
            let error = fetch(url, "/status").unwrap_err().to_string();
            assert!(error.contains("is no address of a daemon"), "{url}: {error}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = format!("{:#}", fetch(&closed.to_string(), "/status").unwrap_err());
        assert!(error.contains("nobody answers: Connection refused"), "{error}");
    }
}
