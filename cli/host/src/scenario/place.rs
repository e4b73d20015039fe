//! Where things stand in a scenario file.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

/// A way from the top of a file to a value in it, such as `steps[2].request.expect.status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Place {
    /// The value of a key of the map that stands here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// An item of the list that stands here, from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain([segment]).collect())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => write!(f, "{}{key}", if number == 0 { "" } else { "." })?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The byte ranges of everything in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Node);

/// A value of the file.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Of the value; of its key where the value is a map or a list, which may be long.
    range: Range<usize>,
    children: Vec<(Segment, Node)>,
}

impl Places {
    /// The byte range of the value at `place`; where there is none, of what it would stand in.
    pub(crate) fn range(&self, place: &Place) -> Range<usize> {
        let mut node = &self.0;
        for segment in &place.0 {
            match node.children.iter().find(|(key, _)| key == segment) {
                Some((_, child)) => node = child,
                None => break,
            }
        }
        node.range.clone()
    }
}

/// The bytes that a location covers.
pub(super) fn byte_range(location: &Location) -> Range<usize> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset().unwrap_or_default()).unwrap_or_default();
    let length = usize::try_from(span.byte_len().unwrap_or_default()).unwrap_or_default();
    start..start.saturating_add(length)
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tree::deserialize(deserializer).map(|tree| Self(Node { range: 0..0, children: tree.0 }))
    }
}

/// The children of a value; a scalar has none.
struct Tree(Vec<(Segment, Node)>);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut children = Vec::new();
        while let Some((key, Spanned { value: tree, referenced, .. })) =
            map.next_entry::<Spanned<String>, Spanned<Tree>>()?
        {
            let range = if tree.0.is_empty() { byte_range(&referenced) } else { byte_range(&key.referenced) };
            children.push((Segment::Key(key.value), Node { range, children: tree.0 }));
        }
        Ok(Tree(children))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut children: Vec<(Segment, Node)> = Vec::new();
        while let Some(Spanned { value: tree, referenced, .. }) = list.next_element::<Spanned<Tree>>()? {
            // An item without a key of its own is shown by its first one.
            let first = tree.0.first().map(|(_, node)| node.range.clone());
            let range = first.unwrap_or_else(|| byte_range(&referenced));
            children.push((Segment::Index(children.len()), Node { range, children: tree.0 }));
        }
        Ok(Tree(children))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Places};

    #[test]
    fn values_and_keys_are_found() {
        let text =
            "name: ä b\nsteps:\n  - wait: 5s\n  - request:\n      path: '/x'\n      headers: {a: [one, two], b: 1.5}\n";
        let places: Places = serde_saphyr::from_str(text).unwrap();
        let at = |place: &Place| text.get(places.range(place)).unwrap();
        let top = Place::default();
        assert_eq!(at(&top.key("name")), "ä b");
        assert_eq!(at(&top.key("steps")), "steps");
        assert_eq!(at(&top.key("steps").item(0)), "5s");
        let request = top.key("steps").item(1).key("request");
        assert_eq!(request.to_string(), "steps[1].request");
        assert_eq!(at(&request), "request");
        assert_eq!(at(&request.key("path")), "'/x'");
        assert_eq!(at(&request.key("headers").key("a").item(1)), "two");
        assert_eq!(at(&request.key("headers").key("b")), "1.5");
        assert_eq!(at(&request.key("absent").item(3)), "request");
    }
}
