//! What a decoder needs of a schema: for each template what it is for, and where its fields lie.
//!
//! Templates are known by their numbers, fields by their FIX tags, so that a schema may call them what
//! it likes and put them where it likes. A template that is for nothing here, but whose entries carry a
//! security and its running number, is still looked at: the number must not have a hole.

use super::schema::{Dimension, Field, Form, Group, Message, Primitive, Schema, SchemaError};

/// The decimal places of all prices.
pub(crate) const PRICE_SCALE: u8 = 9;

/// FIX tags.
pub(crate) mod tag {
    pub(crate) const ORDER_ID: u32 = 37;
    pub(crate) const SECURITY_ID: u32 = 48;
    pub(crate) const SYMBOL: u32 = 55;
    pub(crate) const TRANSACT_TIME: u32 = 60;
    pub(crate) const RPT_SEQ: u32 = 83;
    pub(crate) const MARKET_DEPTH: u32 = 264;
    pub(crate) const ENTRIES: u32 = 268;
    pub(crate) const ENTRY_TYPE: u32 = 269;
    pub(crate) const ENTRY_PRICE: u32 = 270;
    pub(crate) const ENTRY_SIZE: u32 = 271;
    pub(crate) const UPDATE_ACTION: u32 = 279;
    pub(crate) const TRADING_STATUS: u32 = 326;
    pub(crate) const HALT_REASON: u32 = 327;
    pub(crate) const ORDER_COUNT: u32 = 346;
    pub(crate) const LAST_PROCESSED: u32 = 369;
    pub(crate) const PRICE_INCREMENT: u32 = 969;
    pub(crate) const SECURITY_UPDATE: u32 = 980;
    pub(crate) const FEED_TYPE: u32 = 1022;
    pub(crate) const PRICE_LEVEL: u32 = 1023;
    pub(crate) const FEED_TYPES: u32 = 1141;
    pub(crate) const SECURITY_GROUP: u32 = 1151;
    pub(crate) const SECURITY_STATUS: u32 = 1682;
    pub(crate) const AGGRESSOR: u32 = 5797;
    pub(crate) const MATCH_EVENT: u32 = 5799;
    pub(crate) const ASSET: u32 = 6937;
    pub(crate) const REFERENCE: u32 = 9633;
    pub(crate) const ORDERS: u32 = 37705;
    pub(crate) const DISPLAY_SIZE: u32 = 37706;
    pub(crate) const ORDER_ACTION: u32 = 37708;
    pub(crate) const CHUNKS: u32 = 37709;
    pub(crate) const CHUNK: u32 = 37710;
    pub(crate) const TRADE_ID: u32 = 37711;
}

/// A number's place in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    at: u16,
    primitive: Primitive,
    null: Option<i64>,
    /// What to multiply a price with to have it in [`PRICE_SCALE`] places.
    factor: i64,
}

impl Cell {
    /// The number; none if it is null, or if the block of an older sender ends before it.
    #[inline(always)]
    pub(crate) fn get(self, block: &[u8]) -> Option<i64> {
        let number = read(self.primitive, block.get(usize::from(self.at)..)?)?;
        if Some(number) == self.null { None } else { Some(number) }
    }

    /// The number as a price.
    #[inline(always)]
    pub(crate) fn price(self, block: &[u8]) -> Option<i64> {
        self.get(block)?.checked_mul(self.factor)
    }

    /// The number if it can be a `u32`.
    #[inline(always)]
    pub(crate) fn small(self, block: &[u8]) -> Option<u32> {
        u32::try_from(self.get(block)?).ok()
    }
}

/// The number at the beginning of `bytes`; the greatest unsigned ones come as negative.
#[inline(always)]
pub(crate) fn read(primitive: Primitive, bytes: &[u8]) -> Option<i64> {
    Some(match primitive {
        Primitive::U8 | Primitive::Char => i64::from(*bytes.first()?),
        Primitive::I8 => i64::from(*bytes.first()? as i8),
        Primitive::U16 => i64::from(u16::from_le_bytes(*bytes.first_chunk()?)),
        Primitive::I16 => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
        Primitive::U32 => i64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
        Primitive::I32 => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
        Primitive::U64 | Primitive::I64 => i64::from_le_bytes(*bytes.first_chunk()?),
    })
}

/// A text's place in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letters {
    at: u16,
    size: u16,
}

impl Letters {
    /// The text without the zeros that fill it up; empty if the block ends before it.
    pub(crate) fn get(self, block: &[u8]) -> &[u8] {
        let at = usize::from(self.at);
        let bytes = block.get(at..at + usize::from(self.size)).unwrap_or(&[]);
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        bytes[..end].trim_ascii()
    }
}

/// A template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) role: Role,
    /// The heads of all groups, in their order.
    pub(crate) groups: Box<[Dimension]>,
}

/// The place of a group among those of its message.
pub(crate) type GroupAt = usize;

/// What a template is for.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Book(Head, Book),
    Orders(Head, Orders),
    Trades(Head, Trades),
    /// Entries that only carry a running number.
    Numbered(Head, Numbered),
    Snapshot(Snapshot),
    OrderSnapshot(OrderSnapshot),
    Status(Head, Status),
    Definition(Box<Definition>),
    Reset(Head),
    /// Nothing.
    Idle,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) time: Cell,
    pub(crate) event: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) entries: GroupAt,
    pub(crate) price: Cell,
    pub(crate) size: Cell,
    pub(crate) security: Cell,
    pub(crate) number: Cell,
    pub(crate) order_count: Option<Cell>,
    pub(crate) level: Cell,
    pub(crate) action: Cell,
    pub(crate) kind: Cell,
    pub(crate) orders: Option<BookOrders>,
}

#[derive(Clone, Debug)]
pub(crate) struct BookOrders {
    pub(crate) entries: GroupAt,
    pub(crate) id: Cell,
    pub(crate) size: Cell,
    pub(crate) reference: Cell,
    pub(crate) action: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) entries: GroupAt,
    pub(crate) id: Cell,
    pub(crate) price: Cell,
    pub(crate) size: Cell,
    pub(crate) security: Cell,
    pub(crate) action: Cell,
    pub(crate) kind: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Trades {
    pub(crate) entries: GroupAt,
    pub(crate) price: Cell,
    pub(crate) size: Cell,
    pub(crate) security: Cell,
    pub(crate) number: Cell,
    pub(crate) aggressor: Cell,
    pub(crate) action: Cell,
    pub(crate) id: Option<Cell>,
}

#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) entries: GroupAt,
    pub(crate) security: Cell,
    pub(crate) number: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) last_processed: Cell,
    pub(crate) security: Cell,
    pub(crate) number: Cell,
    pub(crate) status: Option<Cell>,
    pub(crate) entries: GroupAt,
    pub(crate) price: Cell,
    pub(crate) size: Cell,
    pub(crate) order_count: Option<Cell>,
    pub(crate) level: Cell,
    pub(crate) kind: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct OrderSnapshot {
    pub(crate) last_processed: Cell,
    pub(crate) security: Cell,
    pub(crate) chunks: Cell,
    pub(crate) chunk: Cell,
    pub(crate) entries: GroupAt,
    pub(crate) id: Cell,
    pub(crate) price: Cell,
    pub(crate) size: Cell,
    pub(crate) kind: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) group: Letters,
    pub(crate) asset: Letters,
    pub(crate) security: Cell,
    pub(crate) status: Cell,
    pub(crate) reason: Cell,
}

#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) update: Cell,
    pub(crate) symbol: Letters,
    pub(crate) security: Cell,
    pub(crate) group: Letters,
    pub(crate) asset: Letters,
    pub(crate) tick: Cell,
    pub(crate) status: Option<Cell>,
    pub(crate) depths: Option<(GroupAt, Letters, Cell)>,
}

/// A schema as a decoder uses it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) schema: u16,
    /// By template.
    templates: Vec<Option<Template>>,
}

impl Plan {
    /// Looks up everything that is needed.
    pub fn new(schema: &Schema) -> Result<Self, SchemaError> {
        let mut plan = Self { schema: schema.id, templates: Vec::new() };
        for message in &schema.messages {
            let role = Lookup(message).role().map_err(|what| {
                let what = format!("message {} (id {}): {what}", message.name, message.id);
                let (line, column) = message.place;
                SchemaError::new(line, column, what)
            })?;
            let groups = message.groups.iter().map(|group| group.dimension).collect();
            let at = usize::from(message.id);
            if plan.templates.len() <= at {
                plan.templates.resize_with(at + 1, || None);
            }
            plan.templates[at] = Some(Template { role, groups });
        }
        let books =
            |template: &Template| matches!(template.role, Role::Book(..) | Role::Orders(..));
        if !plan.templates.iter().flatten().any(books) {
            let what = "expected a template of an incremental book refresh (46, 64, 32, 47 or 43)";
            return Err(SchemaError::new(1, 1, what));
        }
        Ok(plan)
    }

    /// The template of this number.
    #[inline(always)]
    pub(crate) fn template(&self, id: u16) -> Option<&Template> {
        self.templates.get(usize::from(id))?.as_ref()
    }
}

struct Lookup<'a>(&'a Message);

type Found<T> = Result<T, String>;

impl Lookup<'_> {
    fn role(&self) -> Found<Role> {
        use tag::*;
        let root = &self.0.fields;
        let role = match self.0.id {
            4 => Role::Reset(self.head()?),
            12 => Role::Idle,
            30 => Role::Status(
                self.head()?,
                Status {
                    group: letters(root, SECURITY_GROUP)?,
                    asset: letters(root, ASSET)?,
                    security: cell(root, SECURITY_ID)?,
                    status: cell(root, TRADING_STATUS)?,
                    reason: cell(root, HALT_REASON)?,
                },
            ),
            32 | 46 | 64 => {
                let (entries, of) = self.group(ENTRIES)?;
                let orders = match self.group(ORDERS) {
                    Ok((entries, of)) => Some(BookOrders {
                        entries,
                        id: cell(of, ORDER_ID)?,
                        size: cell(of, DISPLAY_SIZE)?,
                        reference: cell(of, REFERENCE)?,
                        action: cell(of, ORDER_ACTION)?,
                    }),
                    Err(_) => None,
                };
                let book = Book {
                    entries,
                    price: price(of, ENTRY_PRICE)?,
                    size: cell(of, ENTRY_SIZE)?,
                    security: cell(of, SECURITY_ID)?,
                    number: cell(of, RPT_SEQ)?,
                    order_count: cell(of, ORDER_COUNT).ok(),
                    level: cell(of, PRICE_LEVEL)?,
                    action: cell(of, UPDATE_ACTION)?,
                    kind: cell(of, ENTRY_TYPE)?,
                    orders,
                };
                Role::Book(self.head()?, book)
            }
            43 | 47 => {
                let (entries, of) = self.group(ENTRIES)?;
                let orders = Orders {
                    entries,
                    id: cell(of, ORDER_ID)?,
                    price: price(of, ENTRY_PRICE)?,
                    size: cell(of, DISPLAY_SIZE)?,
                    security: cell(of, SECURITY_ID)?,
                    action: cell(of, UPDATE_ACTION)?,
                    kind: cell(of, ENTRY_TYPE)?,
                };
                Role::Orders(self.head()?, orders)
            }
            42 | 48 | 65 => {
                let (entries, of) = self.group(ENTRIES)?;
                let trades = Trades {
                    entries,
                    price: price(of, ENTRY_PRICE)?,
                    size: cell(of, ENTRY_SIZE)?,
                    security: cell(of, SECURITY_ID)?,
                    number: cell(of, RPT_SEQ)?,
                    aggressor: cell(of, AGGRESSOR)?,
                    action: cell(of, UPDATE_ACTION)?,
                    id: cell(of, TRADE_ID).ok(),
                };
                Role::Trades(self.head()?, trades)
            }
            38 | 52 | 69 => {
                let (entries, of) = self.group(ENTRIES)?;
                Role::Snapshot(Snapshot {
                    last_processed: cell(root, LAST_PROCESSED)?,
                    security: cell(root, SECURITY_ID)?,
                    number: cell(root, RPT_SEQ)?,
                    status: cell(root, SECURITY_STATUS).ok(),
                    entries,
                    price: price(of, ENTRY_PRICE)?,
                    size: cell(of, ENTRY_SIZE)?,
                    order_count: cell(of, ORDER_COUNT).ok(),
                    level: cell(of, PRICE_LEVEL)?,
                    kind: cell(of, ENTRY_TYPE)?,
                })
            }
            44 | 53 => {
                let (entries, of) = self.group(ENTRIES)?;
                Role::OrderSnapshot(OrderSnapshot {
                    last_processed: cell(root, LAST_PROCESSED)?,
                    security: cell(root, SECURITY_ID)?,
                    chunks: cell(root, CHUNKS)?,
                    chunk: cell(root, CHUNK)?,
                    entries,
                    id: cell(of, ORDER_ID)?,
                    price: price(of, ENTRY_PRICE)?,
                    size: cell(of, DISPLAY_SIZE)?,
                    kind: cell(of, ENTRY_TYPE)?,
                })
            }
            27 | 29 | 41 | 54..=58 | 63 => Role::Definition(Box::new(self.definition()?)),
            _ => self.numbered(),
        };
        Ok(role)
    }

    fn definition(&self) -> Found<Definition> {
        use tag::*;
        let root = &self.0.fields;
        let depths = match self.group(FEED_TYPES) {
            Ok((at, of)) => Some((at, letters(of, FEED_TYPE)?, cell(of, MARKET_DEPTH)?)),
            Err(_) => None,
        };
        Ok(Definition {
            update: cell(root, SECURITY_UPDATE)?,
            symbol: letters(root, SYMBOL)?,
            security: cell(root, SECURITY_ID)?,
            group: letters(root, SECURITY_GROUP)?,
            asset: letters(root, ASSET)?,
            tick: price(root, PRICE_INCREMENT)?,
            status: cell(root, SECURITY_STATUS).ok(),
            depths,
        })
    }

    /// A template of which nothing is told.
    fn numbered(&self) -> Role {
        let found = || -> Found<Role> {
            let (entries, of) = self.group(tag::ENTRIES)?;
            let (security, number) = (cell(of, tag::SECURITY_ID)?, cell(of, tag::RPT_SEQ)?);
            Ok(Role::Numbered(self.head()?, Numbered { entries, security, number }))
        };
        found().unwrap_or(Role::Idle)
    }

    fn head(&self) -> Found<Head> {
        let root = &self.0.fields;
        Ok(Head { time: cell(root, tag::TRANSACT_TIME)?, event: cell(root, tag::MATCH_EVENT)? })
    }

    fn group(&self, id: u32) -> Found<(GroupAt, &[Field])> {
        let at = self.0.groups.iter().position(|group| group.id == id);
        let at = at.ok_or_else(|| format!("expected a group with id {id}"))?;
        let Group { fields, .. } = &self.0.groups[at];
        Ok((at, fields))
    }
}

fn field(fields: &[Field], id: u32) -> Found<&Field> {
    let field = fields.iter().find(|field| field.id == id);
    field.ok_or_else(|| format!("expected a field with id {id}"))
}

fn cell(fields: &[Field], id: u32) -> Found<Cell> {
    let Field { offset: at, form, null, ref name, .. } = *field(fields, id)?;
    match form {
        Form::Number(primitive) => Ok(Cell { at, primitive, null, factor: 1 }),
        _ => Err(format!("field {name} (id {id}) is {form:?}, expected a number")),
    }
}

fn price(fields: &[Field], id: u32) -> Found<Cell> {
    let Field { offset: at, form, null, ref name, .. } = *field(fields, id)?;
    match form {
        Form::Decimal(primitive, exponent @ -9..=0) => {
            let factor = 10i64.pow((i16::from(exponent) + i16::from(PRICE_SCALE)) as u32);
            Ok(Cell { at, primitive, null, factor })
        }
        _ => Err(format!(
            "field {name} (id {id}) is {form:?}, expected a decimal with an exponent from -9 to 0"
        )),
    }
}

fn letters(fields: &[Field], id: u32) -> Found<Letters> {
    let Field { offset: at, size, form, ref name, .. } = *field(fields, id)?;
    match form {
        Form::Text => Ok(Letters { at, size }),
        _ => Err(format!("field {name} (id {id}) is {form:?}, expected a text")),
    }
}
