//! Receivers of notifications that remember what they got: an HTTP server and a mail relay.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// What a sink got, in order.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Vec<String>>>);

impl Inbox {
    /// Returns what came so far that contains `part`.
    pub fn with(&self, part: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|one| one.contains(part)).cloned().collect()
    }

    /// Waits until `count` messages that contain `part` are there.
    pub fn wait(&self, part: &str, count: usize) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let found = self.with(part);
            if found.len() >= count {
                return found;
            }
            let all = self.0.lock().unwrap().join("\n");
            assert!(begin.elapsed() < DEADLINE, "{count} of {part:?} did not come, but: {all}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What an HTTP sink answers.
#[derive(Clone, Copy)]
pub enum Reply {
    /// This status line and further header lines.
    Status(&'static str),
    /// Nothing, ever.
    Silence,
}

/// Returns a port of the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Serves HTTP; the first requests get `replies`, the rest 200. A request is remembered as its path
/// and body once it got 200.
pub fn http(port: u16, replies: impl IntoIterator<Item = Reply>) -> Inbox {
    let inbox = Inbox::default();
    let taken = inbox.clone();
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let Some((path, body)) = request(&stream) else { continue };
            let reply = replies.lock().unwrap().pop_front();
            let status = match reply {
                Some(Reply::Silence) => {
                    held.push(stream);
                    continue;
                }
                Some(Reply::Status(status)) => status,
                None => {
                    taken.0.lock().unwrap().push(format!("{path} {body}"));
                    "200 OK"
                }
            };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = (&stream).write_all(head.as_bytes());
        }
    });
    inbox
}

fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8_lossy(&body).into_owned()))
}

/// Takes mail; each is remembered as its login, its recipients and its text.
pub fn smtp(port: u16) -> Inbox {
    let inbox = Inbox::default();
    let taken = inbox.clone();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let taken = taken.clone();
            thread::spawn(move || mail(&stream, &taken));
        }
    });
    inbox
}

fn mail(stream: &TcpStream, taken: &Inbox) -> Option<()> {
    let say = |line: &str| (&*stream).write_all(format!("{line}\r\n").as_bytes()).ok();
    let mut reader = BufReader::new(stream);
    let (mut logins, mut recipients) = (Vec::new(), Vec::new());
    say("220 sink ESMTP")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let command = line.trim_end().to_owned();
        match command.split([' ', ':']).next()?.to_uppercase().as_str() {
            "EHLO" => say("250-sink\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME")?,
            "AUTH" => {
                logins.push(command);
                say("235 welcome")?;
            }
            "RCPT" => {
                recipients.push(command);
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).ok()?;
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(&line);
                }
                let envelope = [logins.join(" "), recipients.join(" ")].join("\n");
                let whole = format!("{envelope}\n{text}");
                taken.0.lock().unwrap().push(whole);
                say("250 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
}
