//! The cheapest HTTP/1.1 client that does: one keep-alive connection, one request at a time, bytes in and bytes out.
//!
//! It reads answers that have a `content-length`, as all of ingest's have.

use std::ops::Range;
use std::time::Duration;

use local::error::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than ingest may take for an answer.
const DEADLINE: Duration = Duration::from_secs(30);
const READ_SIZE: usize = 16 * 1024;
/// No answer of ingest comes near it.
const LARGEST_ANSWER: usize = 16 << 20;

/// A connection to one server.
#[derive(Debug)]
pub struct Connection {
    url: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, until the next request.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to a URL such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(url: &str) -> Result<Connection, Error> {
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await;
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = stream.map_err(|error| failure(url, error.to_string()))?;
        Ok(Connection { url: url.to_owned(), stream, buffer: Vec::with_capacity(READ_SIZE) })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the server goes away, takes too long or says what is no answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Error> {
        let asked = tokio::time::timeout(DEADLINE, self.exchange(request)).await;
        let asked = asked.unwrap_or_else(|_| Err(format!("did not answer within {} s", DEADLINE.as_secs())));
        match asked {
            Ok((status, body)) => Ok(Answer { status, body: &self.buffer[body] }),
            Err(why) => Err(failure(&self.url, why)),
        }
    }

    /// Gets what is at `path`.
    ///
    /// # Errors
    /// As [`Connection::ask`], and when the answer is not 200.
    pub async fn get(&mut self, path: &str) -> Result<&[u8], Error> {
        let url = format!("{}{path}", self.url);
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        let answer = self.ask(request.as_bytes()).await?;
        if answer.status != 200 { Err(answer.refusal(&url)) } else { Ok(answer.body) }
    }

    /// Sends a request with events, all of which must be accepted.
    ///
    /// # Errors
    /// As [`Connection::ask`], and when the answer is not `202` with the status `accepted`.
    pub async fn submit(&mut self, request: &[u8]) -> Result<(), Error> {
        let url = self.url.clone();
        let answer = self.ask(request).await?;
        let accepted = br#""status":"accepted""#;
        let is_accepted = answer.body.windows(accepted.len()).any(|part| part == accepted);
        if answer.status == 202 && is_accepted { Ok(()) } else { Err(answer.refusal(&url)) }
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Range<usize>), String> {
        self.stream.write_all(request).await.map_err(|error| error.to_string())?;
        self.buffer.clear();
        loop {
            self.buffer.reserve(READ_SIZE);
            let read = self.stream.read_buf(&mut self.buffer).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("closed the connection".to_owned());
            }
            if let Some((status, body)) = parse(&self.buffer)?
                && self.buffer.len() >= body.end
            {
                return Ok((status, body));
            }
            if self.buffer.len() > LARGEST_ANSWER {
                return Err("answers without end".to_owned());
            }
        }
    }
}

impl Answer<'_> {
    fn refusal(&self, url: &str) -> Error {
        failure(url, format!("answered {}: {}", self.status, String::from_utf8_lossy(self.body)))
    }
}

/// The status, and where the body is once it is there; nothing while the header is incomplete.
fn parse(bytes: &[u8]) -> Result<Option<(u16, Range<usize>)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| "answered without a status".to_owned())?;
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: Option<usize> = length.filter_map(|(_, value)| value.trim().parse().ok()).next();
    let length = length.ok_or_else(|| "answered without a content-length".to_owned())?;
    Ok(Some((status, end + 4..end + 4 + length)))
}

fn failure(url: &str, answer: String) -> Error {
    Error::Http { url: url.to_owned(), answer }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::http::{Connection, parse};

    #[test]
    fn an_answer_is_found_once_its_header_is_complete() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(parse(&answer[..30]), Ok(None));
        let (status, body) = parse(answer).unwrap().unwrap();
        assert_eq!((status, &answer[body]), (202, &b"{}"[..]));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn only_an_accepted_batch_is_taken_for_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (status, body) in [
                ("202 Accepted", r#"{"status":"accepted"}"#),
                ("202 Accepted", r#"{"status":"partial"}"#),
                ("503 X", ""),
            ] {
                stream.read_exact(&mut [0; 4]).await.unwrap();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                // In two pieces, as it may come.
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body.as_bytes()).await.unwrap();
            }
        });
        let mut connection = Connection::open(&url).await.unwrap();
        connection.submit(b"POST").await.unwrap();
        assert!(connection.submit(b"POST").await.unwrap_err().to_string().contains("partial"));
        assert!(connection.submit(b"POST").await.unwrap_err().to_string().contains("503"));
        assert!(connection.submit(b"POST").await.unwrap_err().to_string().contains("http://"));
    }
}
