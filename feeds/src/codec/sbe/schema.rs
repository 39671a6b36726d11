//! A message schema of SBE 1.0, read from its XML.
//!
//! Source: FIX Trading Community, *Simple Binary Encoding, Technical Specification 1.0*. Read is what
//! exchanges' schemas are made of: types, composites, enums, sets; messages with fields and groups;
//! offsets, constants, null values, versions. What would change the layout and is not read (groups
//! within groups, references within composites, big-endian numbers) is refused, never guessed.

use roxmltree::{Document, Node, ParsingOptions};
use rustc_hash::FxHashMap;
use thiserror::Error;

/// The largest schema that is read: CME's has 130 KiB.
pub const SCHEMA_BYTES_MAX: usize = 4 << 20;
/// The most elements, texts and comments that it may have, beside or within each other.
const NODES_MAX: u32 = 200_000;
/// The most groups that a message may have.
pub const GROUPS_MAX: usize = 16;

/// Why a schema cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SchemaError {
    /// Where: from 1.
    pub line: u32,
    /// Where in the line: from 1.
    pub column: u32,
    /// What is wrong and what was expected.
    pub what: String,
}

impl SchemaError {
    /// What is wrong at a place: in one line that is not too long, whatever the schema's own words are.
    pub(super) fn new(line: u32, column: u32, what: impl Into<String>) -> Self {
        const SHOWN_MAX: usize = 300;
        let mut what = what.into();
        if let Some((end, _)) = what.char_indices().nth(SHOWN_MAX) {
            what.truncate(end);
        }
        if what.contains(char::is_control) {
            what = what.replace(char::is_control, " ");
        }
        Self { line, column, what }
    }
}

/// A schema: how each of its messages lies in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    /// Its number.
    pub id: u16,
    /// Its version.
    pub version: u16,
    /// All messages, as they stand in it.
    pub messages: Vec<Message>,
}

/// A message (a template).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The template's number.
    pub id: u16,
    /// Its name.
    pub name: Box<str>,
    /// The line and the column at which it stands.
    pub place: (u32, u32),
    /// Bytes of the fields before the first group.
    pub block_length: u16,
    /// Those fields, without constants.
    pub fields: Vec<Field>,
    /// The groups, in their order.
    pub groups: Vec<Group>,
}

/// A repeating group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its FIX tag.
    pub id: u32,
    /// Its name.
    pub name: Box<str>,
    /// Bytes of one entry.
    pub block_length: u16,
    /// What stands before the entries.
    pub dimension: Dimension,
    /// An entry's fields, without constants.
    pub fields: Vec<Field>,
}

/// The head of a group: how long an entry is, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dimension {
    /// Bytes of the head.
    pub size: u16,
    /// Where the entries' length stands.
    pub block_length: (u16, Primitive),
    /// Where their number stands.
    pub count: (u16, Primitive),
}

/// A field that stands in the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its FIX tag.
    pub id: u32,
    /// Its name.
    pub name: Box<str>,
    /// Where it begins in its block.
    pub offset: u16,
    /// What it holds.
    pub form: Form,
    /// The number that says that there is none.
    pub null: Option<i64>,
    /// Bytes.
    pub size: u16,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A number, an enum's or a set's included.
    Number(Primitive),
    /// Letters, filled up with zeros.
    Text,
    /// A number times a power of ten that is always the same.
    Decimal(Primitive, i8),
    /// Several things together, which nobody here reads.
    Opaque,
}

/// A number as it is written, the lowest byte first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Primitive {
    Char,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Primitive {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "char" => Self::Char,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "int32" => Self::I32,
            "int64" => Self::I64,
            "uint8" => Self::U8,
            "uint16" => Self::U16,
            "uint32" => Self::U32,
            "uint64" => Self::U64,
            _ => return None,
        })
    }

    /// How many bytes it takes.
    pub const fn size(self) -> u16 {
        match self {
            Self::Char | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 => 4,
            Self::I64 | Self::U64 => 8,
        }
    }

    /// What says that there is none, where the schema does not say.
    const fn null(self) -> i64 {
        match self {
            Self::Char => 0,
            Self::I8 => i8::MIN as i64,
            Self::I16 => i16::MIN as i64,
            Self::I32 => i32::MIN as i64,
            Self::I64 => i64::MIN,
            Self::U8 => u8::MAX as i64,
            Self::U16 => u16::MAX as i64,
            Self::U32 => u32::MAX as i64,
            Self::U64 => u64::MAX as i64,
        }
    }
}

/// A type by which fields are declared.
#[derive(Clone, Copy, Debug)]
struct Type {
    form: Form,
    size: u16,
    null: Option<i64>,
    is_constant: bool,
    dimension: Option<Dimension>,
    /// Whether it can be a message's header.
    is_header: bool,
}

impl Schema {
    /// Our own schema, that of [`OWN_SCHEMA`](super::OWN_SCHEMA).
    pub fn own() -> Self {
        Self::read(super::OWN_SCHEMA).expect("a test reads it")
    }

    /// Reads a schema.
    pub fn read(text: &str) -> Result<Self, SchemaError> {
        if text.len() > SCHEMA_BYTES_MAX {
            let what = format!("{} bytes, expected at most {SCHEMA_BYTES_MAX}", text.len());
            return Err(SchemaError::new(1, 1, what));
        }
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| {
            let at = error.pos();
            SchemaError::new(at.row, at.col, format!("not XML: {error}"))
        })?;
        let root = document.root_element();
        if root.tag_name().name() != "messageSchema" {
            let found = root.tag_name().name();
            return Err(wrong(root, format!("expected messageSchema, found {found}")));
        }
        if let Some(order) = root.attribute("byteOrder").filter(|order| *order != "littleEndian") {
            let what = format!("byteOrder \"{order}\" is not read, expected littleEndian");
            return Err(wrong(root, what));
        }
        let mut types = Types::default();
        for list in root.children().filter(|node| node.has_tag_name("types")) {
            for node in list.children().filter(Node::is_element) {
                types.add(node)?;
            }
        }
        let header = root.attribute("headerType").unwrap_or("messageHeader");
        if !types.named.get(header).is_some_and(|header| header.is_header) {
            let what = format!(
                "composite {header} is missing, or is not blockLength, templateId, schemaId, \
                 version, each uint16"
            );
            return Err(wrong(root, what));
        }
        let mut schema = Self {
            id: number(root, "id")?.ok_or_else(|| missing(root, "id"))?,
            version: number(root, "version")?.unwrap_or(0),
            messages: Vec::new(),
        };
        for node in root.children().filter(|node| node.tag_name().name() == "message") {
            let message = message(node, &types)?;
            if schema.message(message.id).is_some() {
                return Err(wrong(node, format!("there are two messages with id {}", message.id)));
            }
            schema.messages.push(message);
        }
        if schema.messages.is_empty() {
            return Err(wrong(root, "there is no message in it".to_owned()));
        }
        Ok(schema)
    }

    /// The message of this template.
    pub fn message(&self, id: u16) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }
}

#[derive(Default)]
struct Types {
    named: FxHashMap<String, Type>,
}

impl Types {
    fn add(&mut self, node: Node<'_, '_>) -> Result<(), SchemaError> {
        let read = match node.tag_name().name() {
            "type" => simple(node)?,
            "composite" => self.composite(node)?,
            "enum" | "set" => {
                let encoding = required(node, "encodingType")?;
                let of = self.find(node, encoding)?;
                Type { is_constant: false, ..of }
            }
            other => {
                let what = format!("{other} is not read, expected type, composite, enum or set");
                return Err(wrong(node, what));
            }
        };
        let name = required(node, "name")?;
        if self.named.insert(name.to_owned(), read).is_some() {
            return Err(wrong(node, format!("there are two types named {name}")));
        }
        Ok(())
    }

    /// A type by its name; types may be used before they are declared only if they are primitive.
    fn find(&self, node: Node<'_, '_>, name: &str) -> Result<Type, SchemaError> {
        if let Some(of) = self.named.get(name) {
            return Ok(*of);
        }
        let primitive = Primitive::named(name)
            .ok_or_else(|| wrong(node, format!("type {name} was not declared before")))?;
        Ok(Type {
            form: Form::Number(primitive),
            size: primitive.size(),
            null: None,
            is_constant: false,
            dimension: None,
            is_header: false,
        })
    }

    fn composite(&self, node: Node<'_, '_>) -> Result<Type, SchemaError> {
        let mut end = 0;
        let mut exponent = None;
        let mut members: Vec<(&str, u16, Type)> = Vec::new();
        for member in node.children().filter(Node::is_element) {
            let of = match member.tag_name().name() {
                "type" => simple(member)?,
                other => {
                    let what = format!("{other} within a composite is not read, expected type");
                    return Err(wrong(member, what));
                }
            };
            let name = required(member, "name")?;
            if of.is_constant {
                if name == "exponent" {
                    let text = member.text().unwrap_or_default().trim();
                    let power = text.parse::<i8>();
                    exponent = Some(power.map_err(|_| {
                        wrong(member, format!("exponent \"{text}\", expected a number"))
                    })?);
                }
                continue;
            }
            let offset = number(member, "offset")?.unwrap_or(end);
            check_offset(member, offset, end)?;
            end = add(member, offset, of.size)?;
            members.push((name, offset, of));
        }
        let place = |wanted: &str| {
            let found = members.iter().find(|(name, ..)| *name == wanted);
            found.and_then(|(_, offset, of)| match of.form {
                Form::Number(primitive) => Some((*offset, primitive)),
                _ => None,
            })
        };
        let dimension = place("blockLength").zip(place("numInGroup"));
        let header = ["blockLength", "templateId", "schemaId", "version"].map(place);
        let is_header = end == 8
            && header
                .iter()
                .enumerate()
                .all(|(index, found)| *found == Some((index as u16 * 2, Primitive::U16)));
        let (form, null) = match (&members[..], exponent) {
            ([("mantissa", 0, of)], Some(exponent)) => match of.form {
                Form::Number(primitive) => (Form::Decimal(primitive, exponent), of.null),
                _ => (Form::Opaque, None),
            },
            _ => (Form::Opaque, None),
        };
        Ok(Type {
            form,
            size: end,
            null,
            is_constant: members.is_empty(),
            dimension: dimension.map(|(block_length, count)| Dimension {
                size: end,
                block_length,
                count,
            }),
            is_header,
        })
    }
}

fn simple(node: Node<'_, '_>) -> Result<Type, SchemaError> {
    let word = required(node, "primitiveType")?;
    let length: u16 = number(node, "length")?.unwrap_or(1);
    let presence = node.attribute("presence").unwrap_or("required");
    let is_constant = presence == "constant";
    if !matches!(presence, "constant" | "optional" | "required") {
        let what = format!("presence \"{presence}\", expected required, optional or constant");
        return Err(wrong(node, what));
    }
    let primitive = match (Primitive::named(word), word) {
        (Some(primitive), _) => primitive,
        // Nothing that is needed is one, but what follows it is.
        (None, "float") => return Ok(opaque(4, length, is_constant)),
        (None, "double") => return Ok(opaque(8, length, is_constant)),
        (None, _) => return Err(wrong(node, format!("primitiveType \"{word}\" does not exist"))),
    };
    let size = primitive.size().checked_mul(length);
    let size = size.ok_or_else(|| wrong(node, format!("length {length} is too great")))?;
    let form = match (primitive, length) {
        (_, 1) => Form::Number(primitive),
        (Primitive::Char, _) => Form::Text,
        _ => Form::Opaque,
    };
    let null = match (presence, node.attribute("nullValue")) {
        ("optional", None) => Some(primitive.null()),
        ("optional", Some(text)) => Some(null_value(node, text)?),
        _ => None,
    };
    Ok(Type { form, size, null, is_constant, dimension: None, is_header: false })
}

fn opaque(size: u16, length: u16, is_constant: bool) -> Type {
    let size = size.saturating_mul(length);
    Type { form: Form::Opaque, size, null: None, is_constant, dimension: None, is_header: false }
}

fn null_value(node: Node<'_, '_>, text: &str) -> Result<i64, SchemaError> {
    let number = text.parse::<i64>().or_else(|_| text.parse::<u64>().map(|number| number as i64));
    number.map_err(|_| wrong(node, format!("nullValue \"{text}\", expected a number")))
}

fn message(node: Node<'_, '_>, types: &Types) -> Result<Message, SchemaError> {
    let (fields, end) = fields(node, types)?;
    let mut groups = Vec::new();
    for group in node.children().filter(|node| node.has_tag_name("group")) {
        if groups.len() == GROUPS_MAX {
            return Err(wrong(group, format!("more than {GROUPS_MAX} groups")));
        }
        groups.push(self::group(group, types)?);
    }
    let at = node.document().text_pos_at(node.range().start);
    Ok(Message {
        id: number(node, "id")?.ok_or_else(|| missing(node, "id"))?,
        name: required(node, "name")?.into(),
        place: (at.row, at.col),
        block_length: block_length(node, end)?,
        fields,
        groups,
    })
}

fn group(node: Node<'_, '_>, types: &Types) -> Result<Group, SchemaError> {
    if let Some(inner) =
        node.children().find(|inner| matches!(inner.tag_name().name(), "group" | "data"))
    {
        let what = format!("{} within a group is not read", inner.tag_name().name());
        return Err(wrong(inner, what));
    }
    let (fields, end) = fields(node, types)?;
    let dimension = node.attribute("dimensionType").unwrap_or("groupSizeEncoding");
    let of = types.named.get(dimension).and_then(|of| of.dimension).ok_or_else(|| {
        wrong(node, format!("dimensionType {dimension} has no blockLength and numInGroup"))
    })?;
    Ok(Group {
        id: number(node, "id")?.unwrap_or(0),
        name: required(node, "name")?.into(),
        block_length: block_length(node, end)?,
        dimension: of,
        fields,
    })
}

/// The fields that stand in the bytes, and where the last one ends.
fn fields(node: Node<'_, '_>, types: &Types) -> Result<(Vec<Field>, u16), SchemaError> {
    let (mut fields, mut end) = (Vec::new(), 0);
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "field" => {}
            "group" | "data" => continue,
            other => {
                let what = format!("{other} is not read, expected field, group or data");
                return Err(wrong(child, what));
            }
        }
        let of = types.find(child, required(child, "type")?)?;
        if of.is_constant || child.attribute("presence") == Some("constant") {
            continue;
        }
        let offset = number(child, "offset")?.unwrap_or(end);
        check_offset(child, offset, end)?;
        end = add(child, offset, of.size)?;
        let null = match (child.attribute("presence"), of.null, of.form) {
            (Some("optional"), None, Form::Number(number) | Form::Decimal(number, _)) => {
                Some(number.null())
            }
            (_, null, _) => null,
        };
        fields.push(Field {
            id: number(child, "id")?.unwrap_or(0),
            name: required(child, "name")?.into(),
            offset,
            form: of.form,
            null,
            size: of.size,
        });
    }
    Ok((fields, end))
}

fn block_length(node: Node<'_, '_>, end: u16) -> Result<u16, SchemaError> {
    match number(node, "blockLength")? {
        Some(length) if length < end => {
            Err(wrong(node, format!("blockLength {length} is less than its fields' {end} bytes")))
        }
        Some(length) => Ok(length),
        None => Ok(end),
    }
}

fn check_offset(node: Node<'_, '_>, offset: u16, end: u16) -> Result<(), SchemaError> {
    if offset >= end {
        return Ok(());
    }
    Err(wrong(node, format!("offset {offset} lies in the field before, which ends at {end}")))
}

fn add(node: Node<'_, '_>, offset: u16, size: u16) -> Result<u16, SchemaError> {
    offset.checked_add(size).ok_or_else(|| wrong(node, format!("offset {offset} is too great")))
}

fn required<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, SchemaError> {
    node.attribute(name).ok_or_else(|| missing(node, name))
}

fn number<T: std::str::FromStr>(node: Node<'_, '_>, name: &str) -> Result<Option<T>, SchemaError> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    let number = text.parse();
    number.map(Some).map_err(|_| wrong(node, format!("{name} \"{text}\", expected a number")))
}

#[cold]
fn missing(node: Node<'_, '_>, name: &str) -> SchemaError {
    wrong(node, format!("{} has no {name}", node.tag_name().name()))
}

#[cold]
fn wrong(node: Node<'_, '_>, what: String) -> SchemaError {
    let at = node.document().text_pos_at(node.range().start);
    SchemaError::new(at.row, at.col, what)
}
