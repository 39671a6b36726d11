//! Which securities there are: how they are named and defined, and what their markets do.

use super::super::ladder::DEPTH_MAX;
use super::super::plan::{Definition, PRICE_SCALE, Status, Template};
use super::{Instrument, Market, SECURITIES_MAX, Stands, Stop, Turn, VENUE, View};
use crate::codec::subjects::Refused;
use crate::codec::{CodecError, Place, Quoted};
use engine_event::body::{self, Phase};
use engine_event::{Directory, Event, Fault, Nanos, Price, Quantity};

impl Market {
    /// The instrument of a security; one that was not defined is named by its number.
    #[inline]
    pub(super) fn admit(
        &mut self,
        security: i64,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<usize, Stop> {
        match self.securities.get(&security) {
            Some(Stands::Subject(instrument)) => Ok(*instrument as usize),
            Some(Stands::Unwanted) => Err(Stop::Skip),
            Some(Stands::Refused) => {
                let what = format_args!("security {security} found no room in the directory");
                let trouble = self.trouble(Fault::DirectoryFull, turn.place, what);
                trouble.count(self.strict, turn.tally)?;
                Err(Stop::Skip)
            }
            None => self.introduce(security, at, turn),
        }
    }

    #[cold]
    fn introduce(&mut self, security: i64, at: Nanos, turn: &mut Turn<'_>) -> Result<usize, Stop> {
        let name = security.to_string();
        let Stands::Subject(instrument) = self.meet(security, &name, 0, at, turn)? else {
            return Err(Stop::Skip);
        };
        let what = format_args!("security {security} was not defined before");
        self.trouble(Fault::UnknownSubject, turn.place, what).count(self.strict, turn.tally)?;
        Ok(instrument as usize)
    }

    /// Makes a security a subject, if it is wanted and there is room.
    #[cold]
    fn meet(
        &mut self,
        security: i64,
        name: &str,
        tick: i64,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<Stands, Stop> {
        if self.securities.len() == SECURITIES_MAX {
            let what = format_args!("more than {SECURITIES_MAX} securities");
            self.trouble(Fault::DirectoryFull, turn.place, what).count(self.strict, turn.tally)?;
            return Err(Stop::Skip);
        }
        let definition = |names: &mut Directory| {
            let venue = names.venues.intern(VENUE)?;
            let mut of = body::Definition::new(venue, PRICE_SCALE, 0).with_tick(Price(tick));
            of.lot = Quantity(1);
            Ok(of)
        };
        let met = self.subjects.meet(name, definition, at, turn.names, &mut self.outbox);
        let stands = match met {
            Ok(Some(subject)) => {
                let mut of = Instrument::new(subject);
                if self.by_order {
                    // Orders have no number that would tell whether there were any before.
                    of.is_certain = self.losses == 0;
                    if !of.is_certain {
                        turn.tally.gaps += 1;
                        let gap = body::Gap::new(0, 0, Fault::Missing);
                        self.outbox.push(Event::new(subject, at, gap));
                    }
                }
                self.instruments.push(of);
                Stands::Subject(self.instruments.len() as u32 - 1)
            }
            Ok(None) => Stands::Unwanted,
            Err(refused @ Refused::Scales { .. }) => {
                let place = Place { offset: turn.place, line: None };
                return Err(CodecError::new(place, refused).into());
            }
            Err(Refused::Full(full)) => {
                let what = format_args!("{name}: {full}");
                let trouble = self.trouble(Fault::DirectoryFull, turn.place, what);
                trouble.count(self.strict, turn.tally)?;
                Stands::Refused
            }
        };
        self.securities.insert(security, stands);
        Ok(stands)
    }

    pub(super) fn definition(
        &mut self,
        of: &Definition,
        template: &Template,
        view: &View<'_>,
        sent_at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let root = view.root;
        let Some(security) = of.security.get(root) else { return self.cut(sent_at, turn) };
        if of.update.get(root) == Some(i64::from(b'D')) {
            return Ok(());
        }
        let at = self.now(sent_at);
        let stands = match self.securities.get(&security) {
            Some(stands) => *stands,
            None => {
                let symbol = of.symbol.get(root);
                let name = std::str::from_utf8(symbol).ok();
                let name = name.filter(|name| {
                    !name.is_empty()
                        && name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
                });
                let Some(name) = name else {
                    let what = format_args!("symbol {} is none", Quoted(symbol));
                    let trouble = self.trouble(Fault::OutOfRange, turn.place, what);
                    trouble.count(self.strict, turn.tally)?;
                    return Ok(());
                };
                let tick = of.tick.price(root).unwrap_or(0);
                self.meet(security, name, tick, at, turn)?
            }
        };
        let Stands::Subject(instrument) = stands else { return Ok(()) };
        let found = &mut self.instruments[instrument as usize];
        found.group = code(of.group.get(root));
        found.asset = code(of.asset.get(root));
        if let Some((group, kind, depth)) = of.depths
            && let Some(entries) = view.group(template, group)
        {
            let mut entries = (0..entries.count).filter_map(|at| entries.get(at));
            let real = entries.find(|entry| kind.get(entry) == b"GBX");
            let depth = real.and_then(|entry| depth.get(entry)).unwrap_or(0);
            if depth > 0 {
                found.depth = (depth as usize).min(DEPTH_MAX);
            }
        }
        if let Some(status) = of.status.and_then(|cell| cell.get(root)) {
            self.change_phase(instrument as usize, status, None, at);
        }
        Ok(())
    }

    pub(super) fn status(
        &mut self,
        of: &Status,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let root = view.root;
        let Some(status) = of.status.get(root) else { return Ok(()) };
        let reason = of.reason.get(root);
        if let Some(security) = of.security.get(root) {
            let instrument = self.admit(security, at, turn)?;
            self.change_phase(instrument, status, reason, at);
            return Ok(());
        }
        // It is about all securities of a group, or of a product within the group.
        let (group, asset) = (code(of.group.get(root)), code(of.asset.get(root)));
        for instrument in 0..self.instruments.len() {
            let found = &self.instruments[instrument];
            let in_group = group == [0; 6] || found.group == group;
            let in_product = asset == [0; 6] || found.asset == asset;
            if in_group && in_product && (group, asset) != ([0; 6], [0; 6]) {
                self.change_phase(instrument, status, reason, at);
            }
        }
        Ok(())
    }

    /// Tells a trading status; one that comes with other things (without a reason) only if it is new.
    pub(super) fn change_phase(
        &mut self,
        instrument: usize,
        status: i64,
        reason: Option<i64>,
        at: Nanos,
    ) {
        let phase = match status {
            2 => Phase::Halt,
            4 | 18 | 26 => Phase::Close,
            15 | 24 | 25 => Phase::Auction,
            17 => Phase::Continuous,
            21 => Phase::PreOpen,
            20 => Phase::Unknown,
            // 103: no change.
            _ => return,
        };
        let of = &mut self.instruments[instrument];
        let is_new = std::mem::replace(&mut of.phase, phase) != phase;
        if !is_new && reason.is_none() {
            return;
        }
        let mut code = [0; 7];
        let text = match reason {
            Some(reason) => format!("{status}/{reason}"),
            None => status.to_string(),
        };
        let length = text.len().min(code.len());
        code[..length].copy_from_slice(&text.as_bytes()[..length]);
        let event = Event::new(of.subject, at, body::Status::new(phase, &code[..length]));
        self.push(instrument, event);
    }
}

/// A code of up to six letters.
fn code(letters: &[u8]) -> [u8; 6] {
    let mut code = [0; 6];
    let length = letters.len().min(6);
    code[..length].copy_from_slice(&letters[..length]);
    code
}
