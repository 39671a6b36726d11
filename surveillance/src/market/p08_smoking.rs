//! P08, smoking: an attractive quote draws slow traders, and is worse when their orders arrive.
//!
//! **What.** A quote that stands alone at the best price of its side. Somebody comes and trades on that
//! side: an approach. It is honoured if the quote trades. It has faded if its owner took the quote away or
//! made it worse within [`fade_before_ms`](Smoking::fade_before_ms) and
//! [`fade_after_ms`](Smoking::fade_after_ms), and the one who came trades at a worse price with the owner,
//! or where the owner stands too. It is an episode if
//! - there were enough approaches ([`approaches_min`](Smoking::approaches_min)),
//! - most of them met a quote that had faded ([`fade_rate_min`](Smoking::fade_rate_min)),
//! - far more than with others' quotes ([`above_peers_min`](Smoking::above_peers_min), the median of
//!   all with [`peer_approaches_min`](Smoking::peer_approaches_min), or all others together where these
//!   are fewer than five; fades that are explained do not count against others, and who had an episode
//!   is no measure for them),
//! - and slow comers far more often than fast ones ([`speed_gap_min`](Smoking::speed_gap_min)).
//!
//! All of it is measured on the order book alone: an order's arrival is its trade, so both spans of the
//! catalogue lie before it. Fast is who sends [`fast_messages_per_min`](Smoking::fast_messages_per_min)
//! or more; who is unknown is slow. Where fast ones came fewer than
//! [`fast_approaches_min`](Smoking::fast_approaches_min) times, the slow are held against the peers.
//!
//! **Excused.** The best price of the other side had moved against the quote shortly before
//! ([`reference_ms`](Smoking::reference_ms), [`reference_ticks_min`](Smoking::reference_ticks_min)), in more
//! than [`explained_share_max`](Smoking::explained_share_max) of the fades: quotes follow a price.
//!
//! **When.** With the trade that completes it. Approaches count once.
//!
//! **Score.** How many approaches, how often they met a fade, how much more often than others and fast
//! ones did, and how much worse the price was. The least score is low, because the conditions decide.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(f), "smoking".
//!
//! **Known false positives.** A quote that follows a price at another venue: only what moves in this book
//! counts as a reason. A last look that the venue allows, which no event declares. **Known misses.**
//! Requests for quotes and indicative quotes, which are no orders; quotes that others stand beside.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::{Last, Shelf};
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Smoking = "P08" {
        /// How long before an order arrives the quote may have faded.
        fade_before_ms: f64 = 50.0, 0.0..=60000.0, "ms", Judgement;
        /// How long after it arrives, before it trades.
        fade_after_ms: f64 = 5.0, 0.0..=60000.0, "ms", Judgement;
        /// Approaches to one person's quotes.
        approaches_min: u32 = 30, 1..=512, "", Judgement;
        /// How many of them meet a quote that has faded.
        fade_rate_min: f64 = 0.6, 0.0..=1.0, "", Judgement;
        /// By how much more than the median of others.
        above_peers_min: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// Approaches that make another a peer.
        peer_approaches_min: u32 = 10, 1..=512, "", Judgement;
        /// By how much more the slow meet one than the fast.
        speed_gap_min: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// Who sends so many messages is fast.
        fast_messages_per_min: f64 = 60.0, 0.01..=1000000.0, "/min", Judgement;
        /// Approaches by fast ones that tell how they fare.
        fast_approaches_min: u32 = 5, 1..=512, "", Judgement;
        /// How far the other side must have moved to explain a fade.
        reference_ticks_min: f64 = 1.0, 0.1..=1000.0, "ticks", Judgement;
        /// Within which time before.
        reference_ms: f64 = 20.0, 0.0..=60000.0, "ms", Judgement;
        /// How many of the fades may be explained.
        explained_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 5.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    faded: Last<Faded, FADED_MAX>,
    /// Best prices before each of the latest changes of the touch.
    touches: Last<(Nanos, [Option<Price>; 2]), TOUCHES_MAX>,
    persons: Shelf<u32, Quoting, PERSONS_MAX>,
    tally: Tally,
}

kept!(Memory { faded, touches, persons, tally });

/// A quote that was alone at the best price, and is there no more.
#[derive(Clone, Copy)]
struct Faded {
    person: Person,
    order: OrderId,
    seq: u64,
    at: Nanos,
    entered: (u64, Nanos),
    side: Side,
    price: Price,
    quantity: u64,
    is_explained: bool,
}

/// How one person's quotes fared.
#[derive(Default)]
struct Quoting {
    /// By whether the comer is fast.
    faded: [u32; 2],
    honoured: [u32; 2],
    /// Of the faded ones.
    explained: u32,
    /// How much worse the trades were, in ticks, of all that faded.
    worse_ticks: f64,
    /// Had an episode: no measure for others any more.
    is_found: bool,
    /// The latest honoured approach: by whom, when.
    honoured_last: Option<(u64, Nanos)>,
    cases: Last<Case, CASES_MAX>,
}

/// A quote that faded, and the trade that met it.
#[derive(Clone, Copy)]
struct Case {
    quote: Faded,
    seq: u64,
    order: OrderId,
    price: Price,
    quantity: u64,
}

kept!(Faded { person, order, seq, at, entered, side, price, quantity, is_explained });
kept!(Quoting { faded, honoured, explained, worse_ticks, is_found, honoured_last, cases });
kept!(Case { quote, seq, order, price, quantity });

/// Quotes that faded a moment ago; the first gives way.
const FADED_MAX: usize = 128;
/// Changes of the touch that are remembered; the first gives way.
const TOUCHES_MAX: usize = 128;
/// Persons whose quotes are followed; the one approached longest ago gives way.
const PERSONS_MAX: usize = 512;
/// Peers from which on their median says something.
const PEERS_MIN: usize = 5;
/// Cases of a person that are named, the latest.
const CASES_MAX: usize = 12;
/// From so many approaches on, half of them are forgotten.
const APPROACHES_MAX: u32 = 512;

impl Quoting {
    fn faded(&self) -> u32 {
        self.faded[0] + self.faded[1]
    }

    fn approaches(&self) -> u32 {
        self.faded() + self.honoured[0] + self.honoured[1]
    }

    fn rate(&self) -> f64 {
        f64::from(self.faded()) / f64::from(self.approaches().max(1))
    }

    fn rate_of(&self, is_fast: bool) -> f64 {
        let (faded, honoured) =
            (self.faded[usize::from(is_fast)], self.honoured[usize::from(is_fast)]);
        f64::from(faded) / f64::from((faded + honoured).max(1))
    }

    fn forget_half(&mut self) {
        if self.approaches() >= APPROACHES_MAX {
            self.faded.iter_mut().chain(&mut self.honoured).for_each(|count| *count /= 2);
            self.explained /= 2;
            self.worse_ticks /= 2.0;
        }
    }
}

impl Pattern for Smoking {
    type Memory = Memory;

    const WANTS: &'static [What] = &What::DEEDS;

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["approaches", "fade_rate", "above_peers", "speed_gap", "reference_moved"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(deed), Some(change)) = (scene.deed, scene.change) else { return };
        match deed.what {
            What::Amend | What::Cancel => self.fade(memory, deed, scene),
            What::Fill | What::Print => self.approach(memory, deed, scene, bench),
            _ => {}
        }
        if change.touch_price_changed {
            let before = change.before();
            let best = |side| before.of(side).map(|quote| quote.price);
            memory.touches.push((deed.at, [best(Side::Buy), best(Side::Sell)]));
        }
    }
}

/// How much worse the first price is for who comes, in price units.
fn worse(side: Side, price: Price, than: Price) -> i64 {
    match side {
        Side::Buy => than.0 - price.0,
        Side::Sell => price.0 - than.0,
    }
}

impl Smoking {
    /// An order changes or goes: was it alone at the best price, and is it there no more?
    fn fade(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let (Some(owner), Some(was)) = (deed.owner, deed.was) else { return };
        let best = scene.change.and_then(|change| change.before().of(deed.side));
        let Some(best) = best else { return };
        let was_alone = best.price == was.price && best.quantity.0 == was.quantity;
        let stays = deed.what == What::Amend
            && deed.price.is_none_or(|price| worse(deed.side, price, was.price) <= 0);
        if !was_alone || stays {
            return;
        }
        let span = (self.reference_ms * 1e6) as u64;
        let other = deed.side.opposite();
        let is_near = |(at, _): &&(Nanos, [Option<Price>; 2])| deed.at.since(*at).0 <= span;
        let before = memory.touches.iter().rev().take_while(is_near).last();
        let before = before.and_then(|(_, best)| best[other as usize]);
        let now = scene.market.best_of(other);
        // The other side comes nearer: whoever quotes here would sell too low, or buy too high.
        let against = before.zip(now).map_or(0, |(before, now)| worse(deed.side, now, before));
        let limit = self.reference_ticks_min * scene.market.tick() as f64;
        memory.faded.push(Faded {
            person: owner.person,
            order: deed.successor,
            seq: deed.seq,
            at: deed.at,
            entered: (was.entered_seq, was.entered_at),
            side: deed.side,
            price: was.price,
            quantity: was.quantity,
            is_explained: against as f64 >= limit,
        });
    }

    /// Somebody comes and trades: with a quote, or with what is left of one?
    fn approach(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(price), true) = (deed.price, deed.knows_side) else { return };
        let comer = deed.aggressor.map(|who| who.person);
        let span = ((self.fade_before_ms + self.fade_after_ms) * 1e6) as u64;
        memory.faded.expire(|faded| deed.at.since(faded.at).0 > span);
        let is_met = |faded: &Faded| {
            faded.side == deed.side
                && Some(faded.person) != comer
                && worse(deed.side, price, faded.price) > 0
                && (deed.owner.is_some_and(|owner| owner.person == faded.person)
                    || stands(scene, faded.person, deed.side, price))
        };
        if let Some(place) = memory.faded.iter().position(is_met) {
            let quote = memory.faded.remove(place).expect("its place was just found");
            let class = usize::from(self.is_fast(comer, scene));
            let quoting = memory.persons.touch(quote.person.0, Quoting::default);
            quoting.forget_half();
            quoting.faded[class] += 1;
            quoting.explained += u32::from(quote.is_explained);
            let ticks = worse(deed.side, price, quote.price) as f64 / scene.market.tick() as f64;
            quoting.worse_ticks += ticks;
            let Deed { seq, order, quantity, .. } = *deed;
            quoting.cases.push(Case { quote, seq, order, price, quantity });
            // The rest of the same order meets the same fade.
            memory.faded.retain(|other| {
                (other.person, other.side, other.at) != (quote.person, quote.side, quote.at)
            });
            quoting.honoured_last = Some((comer_key(comer), deed.at));
            self.judge(memory, quote.person, scene, bench);
            return;
        }
        self.honour(memory, (deed, price, comer), scene);
    }

    /// A quote that stands alone at the best price trades: one approach, whatever it trades in parts.
    fn honour(
        &self,
        memory: &mut Memory,
        (deed, price, comer): (&Deed, Price, Option<Person>),
        scene: &Scene<'_>,
    ) {
        let (Some(owner), Some(was)) = (deed.owner, deed.was) else { return };
        let best = scene.change.and_then(|change| change.before().of(deed.side));
        let is_alone =
            best.is_some_and(|best| best.price == price && best.quantity.0 == was.quantity);
        if !is_alone || deed.what != What::Fill || was.price != price {
            return;
        }
        let class = usize::from(self.is_fast(comer, scene));
        let quoting = memory.persons.touch(owner.person.0, Quoting::default);
        let this = Some((comer_key(comer), deed.at));
        if quoting.honoured_last != this {
            quoting.honoured_last = this;
            quoting.forget_half();
            quoting.honoured[class] += 1;
        }
    }

    /// Whether somebody sends as much as only a machine does.
    fn is_fast(&self, person: Option<Person>, scene: &Scene<'_>) -> bool {
        let Some(account) = person.and_then(|person| scene.ledger.of(person)) else { return false };
        let minutes = scene.now.since(account.first_at).0 as f64 / 60e9;
        let messages = account.done().total().messages as f64;
        messages / minutes.max(1.0) >= self.fast_messages_per_min
    }

    /// How often others' quotes fade for no reason: the median of those who were approached often, or the
    /// rate of all together where these are too few for one.
    fn peers(&self, memory: &Memory, person: Person) -> f64 {
        let others = memory.persons.entries();
        let others = others.filter(|(own, other)| *own != person.0 && !other.is_found);
        let (mut rates, mut faded, mut approaches) = (Vec::new(), 0, 0);
        for (_, other) in others {
            let unexplained = other.faded().saturating_sub(other.explained);
            faded += unexplained;
            approaches += other.approaches();
            if other.approaches() >= self.peer_approaches_min {
                rates.push(f64::from(unexplained) / f64::from(other.approaches().max(1)));
            }
        }
        rates.sort_unstable_by(f64::total_cmp);
        match rates.len() {
            0..PEERS_MIN => f64::from(faded) / f64::from(approaches.max(1)),
            many => rates[many / 2],
        }
    }

    fn judge(&self, memory: &mut Memory, person: Person, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(quoting) = memory.persons.get(person.0) else { return };
        let (approaches, rate) = (quoting.approaches(), quoting.rate());
        let is_enough = approaches >= self.approaches_min && rate >= self.fade_rate_min;
        if !is_enough && !bench.is_asked(person) {
            return;
        }
        let peers = self.peers(memory, person);
        let knows_fast = quoting.faded[1] + quoting.honoured[1] >= self.fast_approaches_min;
        let fast = if knows_fast { quoting.rate_of(true) } else { peers };
        let speed_gap = quoting.rate_of(false) - fast;
        let explained = f64::from(quoting.explained) / f64::from(quoting.faded().max(1));

        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("approaches", f64::from(approaches), AtLeast(f64::from(self.approaches_min)));
        case.needs("fade_rate", rate, AtLeast(self.fade_rate_min));
        case.needs("above_peers", rate - peers, AtLeast(self.above_peers_min));
        case.needs("speed_gap", speed_gap, AtLeast(self.speed_gap_min));
        case.unless_excused("reference_moved", explained, AtMost(self.explained_share_max));

        let worse_ticks = quoting.worse_ticks / f64::from(quoting.faded().max(1));
        case.weighs("approaches", f64::from(approaches), 0.0, 60.0);
        case.weighs("fade_rate", rate, 0.4, 1.0);
        case.weighs("above_peers", rate - peers, 0.0, 1.0);
        case.weighs("speed_gap", speed_gap, 0.0, 1.0);
        case.weighs("worse_ticks", worse_ticks, 0.0, 3.0);

        for Case { quote, seq, order, price, quantity } in quoting.cases.iter() {
            case.begins(quote.entered.0, quote.entered.1);
            let shown = (quote.side, quote.price, quote.quantity);
            case.part(Part::Deceptive, (quote.seq, quote.order), shown);
            let traded = (quote.side.opposite(), *price, *quantity);
            case.part(Part::Victim, (*seq, *order), traded);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            let found = Quoting { is_found: true, ..Quoting::default() };
            memory.persons.put(person.0, found);
        }
    }
}

/// A number for who came; nobody known is 0.
fn comer_key(comer: Option<Person>) -> u64 {
    comer.map_or(0, |person| u64::from(person.0))
}

/// Whether somebody has an order at this price.
fn stands(scene: &Scene<'_>, person: Person, side: Side, price: Price) -> bool {
    scene.ledger.orders_of(person, side).any(|live| live.price == price)
}
