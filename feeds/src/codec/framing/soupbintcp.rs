//! SoupBinTCP: numbered messages in a byte stream, with a login, heartbeats and resumption.
//!
//! Source: Nasdaq, *SoupBinTCP*, version 3.00. A packet is its length in two bytes, big-endian, a letter
//! that gives its type, and a payload. Texts are padded with spaces, names on the right, numbers on the
//! left. Both sides send a heartbeat when they had nothing to send for a second, and give a silent
//! peer up after fifteen.
//!
//! [`Client`] is one connection's client without any input or output of its own: bytes received go in,
//! packets come out, bytes to be sent lie in [`Client::output`], and the time is given. A connection that
//! broke goes on with [`Client::resume`]: the same session, from the next message on.

use super::SessionId;
use engine_event::Nanos;
use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    /// `+`: text for a person.
    Debug(&'a [u8]),
    /// `A`: the client is logged in; the next message of the session has this number.
    Accepted(SessionId, u64),
    /// `J`: the client is not, for this reason: `A` not authorised, `S` no such session.
    Rejected(u8),
    /// `S`: the next message.
    Sequenced(&'a [u8]),
    /// `U`: a message without a number.
    Unsequenced(&'a [u8]),
    /// `H`: the server lives.
    ServerHeartbeat,
    /// `Z`: the session has ended.
    EndOfSession,
    /// `L`: the client wants to be logged in.
    Login(&'a Login),
    /// `R`: the client lives.
    ClientHeartbeat,
    /// `O`: the client goes.
    Logout,
}

/// Who wants which messages.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Login {
    /// Padded with spaces on the right.
    pub username: [u8; 6],
    /// Padded with spaces on the right.
    pub password: [u8; 10],
    /// Padded with spaces on the left; blank for the session of the day.
    pub session: SessionId,
    /// The first message wanted, padded with spaces on the left; 0 for only those that are new.
    sequence: [u8; 20],
}

/// Why the stream cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SoupError {
    /// A packet of a type that does not exist, or does not belong here.
    #[error("a packet of type \"{}\" is not expected now", char::from(*.0).escape_default())]
    Unexpected(u8),
    /// A packet of no type at all, or whose payload is not as long as its type's.
    #[error("a packet of {0} bytes is malformed")]
    Length(u16),
    /// A number that is none.
    #[error("\"{}\" is not a sequence number", .0.escape_ascii())]
    Number([u8; 20]),
    /// The server does not let the client in, for this reason.
    #[error("the login was rejected: {}", reason(*.0))]
    Rejected(u8),
    /// The server answered with another session or later messages than were asked for.
    #[error("asked for message {asked}, but the session goes on with {told}")]
    Resumption {
        /// What was asked for.
        asked: u64,
        /// What the server told.
        told: u64,
    },
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.0 / 1_000_000_000)]
    Silence(Nanos),
}

fn reason(letter: u8) -> &'static str {
    match letter {
        b'A' => "not authorised",
        b'S' => "the session is not available",
        _ => "for a reason that is not known",
    }
}

impl Login {
    /// A login; each text is cut off where it is too long.
    pub fn new(username: &str, password: &str, session: &str, sequence: u64) -> Self {
        Self {
            username: left(username),
            password: left(password),
            session: right(session),
            sequence: right(&sequence.to_string()),
        }
    }

    /// The first message wanted.
    pub fn sequence(&self) -> Result<u64, SoupError> {
        number(&self.sequence)
    }
}

/// The first packet in `bytes` and how many bytes it takes; none if it is not all there.
pub fn view(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>, SoupError> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
    let length = u16::from_be_bytes(*length);
    let Some(content) = rest.get(..usize::from(length)) else { return Ok(None) };
    let Some((&letter, payload)) = content.split_first() else {
        return Err(SoupError::Length(length));
    };
    let bare =
        |packet| if payload.is_empty() { Ok(packet) } else { Err(SoupError::Length(length)) };
    let packet = match letter {
        b'+' => Packet::Debug(payload),
        b'S' => Packet::Sequenced(payload),
        b'U' => Packet::Unsequenced(payload),
        b'H' => bare(Packet::ServerHeartbeat)?,
        b'Z' => bare(Packet::EndOfSession)?,
        b'R' => bare(Packet::ClientHeartbeat)?,
        b'O' => bare(Packet::Logout)?,
        b'A' => {
            let (session, next) = payload
                .split_first_chunk::<10>()
                .filter(|(_, next)| next.len() == 20)
                .ok_or(SoupError::Length(length))?;
            Packet::Accepted(*session, number(next)?)
        }
        b'J' => match *payload {
            [letter] => Packet::Rejected(letter),
            _ => return Err(SoupError::Length(length)),
        },
        b'L' => {
            Packet::Login(Login::ref_from_bytes(payload).map_err(|_| SoupError::Length(length))?)
        }
        other => return Err(SoupError::Unexpected(other)),
    };
    Ok(Some((packet, 2 + usize::from(length))))
}

/// Appends a packet to `out`; false, and nothing appended, if its payload is too long for one.
pub fn write(packet: &Packet<'_>, out: &mut Vec<u8>) -> bool {
    let mut put = |letter: u8, parts: &[&[u8]]| {
        let length: usize = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let Ok(length) = u16::try_from(length) else { return false };
        out.extend(length.to_be_bytes());
        out.push(letter);
        parts.iter().for_each(|part| out.extend(*part));
        true
    };
    match packet {
        Packet::Debug(text) => put(b'+', &[text]),
        Packet::Accepted(session, next) => put(b'A', &[session, &right::<20>(&next.to_string())]),
        Packet::Rejected(letter) => put(b'J', &[&[*letter]]),
        Packet::Sequenced(message) => put(b'S', &[message]),
        Packet::Unsequenced(message) => put(b'U', &[message]),
        Packet::ServerHeartbeat => put(b'H', &[]),
        Packet::EndOfSession => put(b'Z', &[]),
        Packet::Login(login) => put(b'L', &[login.as_bytes()]),
        Packet::ClientHeartbeat => put(b'R', &[]),
        Packet::Logout => put(b'O', &[]),
    }
}

/// What a client hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// It is logged in.
    Accepted {
        /// To this session.
        session: SessionId,
        /// Whose next message has this number.
        next: u64,
    },
    /// A message.
    Message {
        /// Its number.
        sequence: u64,
        /// What it says.
        bytes: &'a [u8],
    },
    /// A message without a number.
    Unsequenced(&'a [u8]),
    /// Text for a person.
    Debug(&'a [u8]),
    /// The session has ended; nothing follows.
    Ended,
}

/// Where a client stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    LoggingIn,
    LoggedIn,
    Over,
}

/// One connection's client.
#[derive(Clone, Debug)]
pub struct Client {
    login: Login,
    state: State,
    /// The number of the next message.
    next: u64,
    sent_at: Nanos,
    heard_at: Nanos,
    output: Vec<u8>,
}

impl Client {
    /// After how long without anything to send a heartbeat is due.
    pub const HEARTBEAT: Nanos = Nanos::from_secs(1);
    /// After how long a silent server is given up.
    pub const SILENCE: Nanos = Nanos::from_secs(15);
    /// How many bytes may wait to be sent; [`send`](Self::send) refuses more.
    pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

    /// A client that has connected and wants to log in: its login lies in [`output`](Self::output).
    pub fn new(login: Login, now: Nanos) -> Self {
        let mut output = Vec::new();
        write(&Packet::Login(&login), &mut output);
        Self { login, state: State::LoggingIn, next: 0, sent_at: now, heard_at: now, output }
    }

    /// The login that goes on where this client got to: the same session, from the next message on.
    pub fn resume(&self) -> Login {
        if self.next == 0 {
            return self.login;
        }
        Login { sequence: right(&self.next.to_string()), ..self.login }
    }

    /// The number of the next message; none before the login was accepted.
    pub fn next(&self) -> Option<u64> {
        (self.next > 0).then_some(self.next)
    }

    /// Whether the session has ended, or the client has left it.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What is to be sent.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes of [`output`](Self::output) were sent.
    pub fn sent(&mut self, count: usize, now: Nanos) {
        self.output.drain(..count.min(self.output.len()));
        if count > 0 {
            self.sent_at = now;
        }
    }

    /// Hears the first packet in `bytes`, the bytes not consumed before. Returns how many it consumed,
    /// none if the packet is not all there, and what was said, if it was more than a heartbeat. After
    /// an error the connection is of no use.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        now: Nanos,
    ) -> Result<(usize, Option<Heard<'a>>), SoupError> {
        let Some((packet, consumed)) = view(bytes)? else { return Ok((0, None)) };
        self.heard_at = now;
        Ok((consumed, self.hear(packet, bytes[2])?))
    }

    fn hear<'a>(&mut self, packet: Packet<'a>, letter: u8) -> Result<Option<Heard<'a>>, SoupError> {
        let heard = match (self.state, packet) {
            (_, Packet::Debug(text)) => Heard::Debug(text),
            (State::LoggingIn, Packet::Accepted(session, next)) => {
                return self.accepted(session, next).map(Some);
            }
            (State::LoggingIn, Packet::Rejected(letter)) => {
                self.state = State::Over;
                return Err(SoupError::Rejected(letter));
            }
            (State::LoggingIn | State::LoggedIn, Packet::ServerHeartbeat) => return Ok(None),
            (State::LoggedIn, Packet::Sequenced(bytes)) => {
                let sequence = self.next;
                // A server cannot count further either.
                self.next = sequence.checked_add(1).ok_or(SoupError::Unexpected(letter))?;
                Heard::Message { sequence, bytes }
            }
            (State::LoggedIn, Packet::Unsequenced(bytes)) => Heard::Unsequenced(bytes),
            (State::LoggedIn, Packet::EndOfSession) => {
                self.state = State::Over;
                Heard::Ended
            }
            _ => return Err(SoupError::Unexpected(letter)),
        };
        Ok(Some(heard))
    }

    /// Messages before those asked for would be told twice, and later ones leave some out.
    fn accepted<'a>(&mut self, session: SessionId, next: u64) -> Result<Heard<'a>, SoupError> {
        let asked = self.login.sequence()?;
        if asked > 0 && next != asked || next == 0 {
            return Err(SoupError::Resumption { asked, told: next });
        }
        (self.state, self.next, self.login.session) = (State::LoggedIn, next, session);
        Ok(Heard::Accepted { session, next })
    }

    /// Time passes: a heartbeat may become due, and a silent server is given up.
    pub fn tick(&mut self, now: Nanos) -> Result<(), SoupError> {
        if self.state == State::Over {
            return Ok(());
        }
        let silent = now.since(self.heard_at);
        if silent >= Self::SILENCE {
            self.state = State::Over;
            return Err(SoupError::Silence(silent));
        }
        let quiet = self.output.is_empty() && now.since(self.sent_at) >= Self::HEARTBEAT;
        if quiet && self.state == State::LoggedIn {
            write(&Packet::ClientHeartbeat, &mut self.output);
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn wake_at(&self) -> Option<Nanos> {
        let silence = self.heard_at + Self::SILENCE;
        match self.state {
            State::Over => None,
            State::LoggingIn => Some(silence),
            State::LoggedIn if !self.output.is_empty() => Some(silence),
            State::LoggedIn => Some(silence.min(self.sent_at + Self::HEARTBEAT)),
        }
    }

    /// A message to the server; false if the client is not logged in, the message is too long or too
    /// much waits to be sent.
    pub fn send(&mut self, message: &[u8]) -> bool {
        let fits = self.output.len() + message.len() < Self::OUTPUT_BYTES_MAX;
        self.state == State::LoggedIn
            && fits
            && write(&Packet::Unsequenced(message), &mut self.output)
    }

    /// The client leaves: what waits to be sent, and the goodbye, may still go out.
    pub fn log_out(&mut self) {
        if self.state != State::Over {
            write(&Packet::Logout, &mut self.output);
            self.state = State::Over;
        }
    }
}

/// A text padded with spaces on the right.
fn left<const N: usize>(text: &str) -> [u8; N] {
    let mut padded = [b' '; N];
    let length = text.len().min(N);
    padded[..length].copy_from_slice(&text.as_bytes()[..length]);
    padded
}

/// A text padded with spaces on the left.
fn right<const N: usize>(text: &str) -> [u8; N] {
    let mut padded = [b' '; N];
    let length = text.len().min(N);
    padded[N - length..].copy_from_slice(&text.as_bytes()[..length]);
    padded
}

/// A number padded with spaces, on either side: not all servers keep to the left.
fn number(text: &[u8]) -> Result<u64, SoupError> {
    let digits = std::str::from_utf8(text.trim_ascii()).ok();
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let mut found = [b' '; 20];
        let length = text.len().min(20);
        found[..length].copy_from_slice(&text[..length]);
        SoupError::Number(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: SessionId = *b"      0042";

    fn bytes(packets: &[Packet<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        packets.iter().for_each(|packet| assert!(write(packet, &mut out)));
        out
    }

    /// Everything that a client hears in `bytes`.
    fn hear<'a>(
        client: &mut Client,
        mut bytes: &'a [u8],
        now: Nanos,
    ) -> Result<Vec<Heard<'a>>, SoupError> {
        let mut heard = Vec::new();
        while let (consumed @ 1.., said) = client.receive(bytes, now)? {
            bytes = &bytes[consumed..];
            heard.extend(said);
        }
        assert!(bytes.len() < 4, "{bytes:?}");
        Ok(heard)
    }

    fn logged_in(next: u64) -> Client {
        let mut client = Client::new(Login::new("desk", "secret", "", 0), Nanos(0));
        client.sent(usize::MAX, Nanos(0));
        hear(&mut client, &bytes(&[Packet::Accepted(SESSION, next)]), Nanos(0)).unwrap();
        client
    }

    #[test]
    fn a_login_stands_as_the_specification_draws_it() {
        let client = Client::new(Login::new("desk", "secret", "42", 7), Nanos(0));
        let expected = b"\0\x2fLdesk  secret            42                   7";
        assert_eq!(client.output(), expected);
        let (packet, length) = view(client.output()).unwrap().unwrap();
        assert_eq!((packet, length), (Packet::Login(&client.login), 49));
        assert_eq!(client.login.sequence(), Ok(7));
    }

    #[test]
    fn messages_are_numbered_from_what_the_server_said() {
        let mut client = Client::new(Login::new("desk", "secret", "", 5), Nanos(0));
        let stream = bytes(&[
            Packet::Debug(b"hello"),
            Packet::Accepted(SESSION, 5),
            Packet::Sequenced(b"a"),
            Packet::ServerHeartbeat,
            Packet::Unsequenced(b"x"),
            Packet::Sequenced(b""),
            Packet::EndOfSession,
        ]);
        let heard = hear(&mut client, &stream, Nanos(0)).unwrap();
        let expected = [
            Heard::Debug(b"hello"),
            Heard::Accepted { session: SESSION, next: 5 },
            Heard::Message { sequence: 5, bytes: b"a" },
            Heard::Unsequenced(b"x"),
            Heard::Message { sequence: 6, bytes: b"" },
            Heard::Ended,
        ];
        assert_eq!(heard, expected);
        assert!(client.is_over());
    }

    #[test]
    fn a_broken_connection_goes_on_where_it_broke() {
        let mut client = logged_in(1);
        hear(&mut client, &bytes(&[Packet::Sequenced(b"a"); 3]), Nanos(1)).unwrap();
        let login = client.resume();
        assert_eq!((login.session, login.sequence()), (SESSION, Ok(4)));
        let mut client = Client::new(login, Nanos(2));
        let more = bytes(&[Packet::Accepted(SESSION, 4), Packet::Sequenced(b"d")]);
        let heard = hear(&mut client, &more, Nanos(3)).unwrap();
        assert_eq!(heard[1], Heard::Message { sequence: 4, bytes: b"d" });
        let mut astray = Client::new(login, Nanos(2));
        let refused = SoupError::Resumption { asked: 4, told: 9 };
        let ahead = bytes(&[Packet::Accepted(SESSION, 9)]);
        assert_eq!(hear(&mut astray, &ahead, Nanos(3)), Err(refused));
    }

    #[test]
    fn heartbeats_go_both_ways_and_silence_is_noticed() {
        let mut client = logged_in(1);
        assert_eq!(client.wake_at(), Some(Client::HEARTBEAT));
        client.tick(Nanos(Client::HEARTBEAT.0 - 1)).unwrap();
        assert_eq!(client.output(), b"");
        client.tick(Client::HEARTBEAT).unwrap();
        client.tick(Client::HEARTBEAT).unwrap();
        assert_eq!(client.output(), bytes(&[Packet::ClientHeartbeat]));
        client.sent(3, Client::HEARTBEAT);
        assert_eq!(client.wake_at(), Some(Nanos::from_secs(2)));
        hear(&mut client, &bytes(&[Packet::ServerHeartbeat]), Nanos::from_secs(3)).unwrap();
        client.tick(Nanos::from_secs(17)).unwrap();
        let silent = client.tick(Nanos::from_secs(18)).unwrap_err();
        assert_eq!(silent.to_string(), "nothing came for 15 s");
        assert_eq!(client.wake_at(), None);
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        let early = bytes(&[Packet::Sequenced(b"a")]);
        let mut client = Client::new(Login::new("", "", "", 0), Nanos(0));
        assert_eq!(hear(&mut client, &early, Nanos(0)), Err(SoupError::Unexpected(b'S')));
        let mut client = Client::new(Login::new("", "", "", 0), Nanos(0));
        let told = hear(&mut client, &bytes(&[Packet::Rejected(b'A')]), Nanos(0)).unwrap_err();
        assert_eq!(told.to_string(), "the login was rejected: not authorised");
        assert!(client.is_over());
        assert_eq!(view(b"\0\0"), Err(SoupError::Length(0)));
        assert_eq!(view(b"\0\x02Hx"), Err(SoupError::Length(2)));
        assert_eq!(view(b"\0\x01?"), Err(SoupError::Unexpected(b'?')));
        assert!(view(b"\0\x1fA0123456789                   x").is_err());
    }

    #[test]
    fn a_client_speaks_only_when_it_is_in() {
        let mut client = logged_in(1);
        assert!(client.send(b"order"));
        assert!(!client.send(&[0; 70_000]));
        client.log_out();
        assert!(!client.send(b"more"));
        assert_eq!(client.output(), bytes(&[Packet::Unsequenced(b"order"), Packet::Logout]));
    }

    proptest! {
        #[test]
        fn packets_are_read_back_and_never_in_part(
            payload in prop::collection::vec(any::<u8>(), 0..80),
            next in any::<u64>(),
        ) {
            let login = Login::new("name", "word", "s", next);
            for packet in [
                Packet::Debug(&payload),
                Packet::Accepted(SESSION, next),
                Packet::Rejected(b'S'),
                Packet::Sequenced(&payload),
                Packet::Unsequenced(&payload),
                Packet::Login(&login),
                Packet::Logout,
            ] {
                let written = bytes(&[packet]);
                prop_assert_eq!(view(&written), Ok(Some((packet, written.len()))));
                for length in 0..written.len() {
                    prop_assert_eq!(view(&written[..length]), Ok(None));
                }
            }
        }

        #[test]
        fn garbage_is_survived(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut client = logged_in(u64::MAX - 1);
            let mut rest = &garbage[..];
            while let Ok((consumed @ 1.., _)) = client.receive(rest, Nanos(0)) {
                rest = &rest[consumed..];
            }
        }
    }
}
