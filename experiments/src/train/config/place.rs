//! Where a field is in the text of a config, so that another value can be put there.

use std::ops::Range;

/// A value in RON text, and what is below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// Where its text is.
    pub span: Range<usize>,
    /// What is below it by name: fields, variants, keys, or indices of a list.
    pub below: Vec<(String, Place)>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Named,
    List,
    Map,
}

impl Place {
    /// The places in RON as it is written by this program: no comments.
    pub(super) fn of(text: &str) -> Self {
        let start = text.starts_with("#!").then(|| text.find(']')).flatten();
        let mut reader = Reader {
            text,
            at: start.map_or(0, |end| end + 1),
        };
        reader.value()
    }

    /// The place below it that has this name.
    pub(super) fn get(&self, name: &str) -> Option<&Place> {
        let found = self.below.iter().find(|(other, _)| other == name);
        found.map(|(_, place)| place)
    }

    /// Where another key of a map can go, with a comma after its value.
    pub(super) fn start_of_map(&self) -> Option<usize> {
        (self.kind == Kind::Map).then_some(self.span.start + 1)
    }

    /// Where another field of a struct can go, with a comma after its value.
    pub(super) fn start_of_struct(&self, text: &str) -> Option<usize> {
        let fields = self.kind == Kind::Named && text[self.span.clone()].starts_with('(');
        fields.then_some(self.span.start + 1)
    }

    /// What is in a variant, if it is one: `Tuning(..)`.
    pub(super) fn only_variant(&self, text: &str) -> Option<&Place> {
        let variant = self.kind == Kind::Named && !text[self.span.clone()].starts_with('(');
        match self.below.as_slice() {
            [(_, inner)] if variant => Some(inner),
            _ => None,
        }
    }

    /// What there is below it, in words.
    pub(super) fn names(&self) -> String {
        match self.kind {
            _ if self.below.is_empty() => "nothing below it".to_owned(),
            Kind::List => format!("the indices below {}", self.below.len()),
            Kind::Named | Kind::Map => {
                let names: Vec<&str> = self.below.iter().map(|(name, _)| name.as_str()).collect();
                names.join(", ")
            }
        }
    }

    /// The path of the first value that is not a finite number, and that value.
    pub(super) fn not_finite(&self, text: &str) -> Option<(String, String)> {
        for (name, place) in &self.below {
            if let Some((path, value)) = place.not_finite(text) {
                let dot = if path.is_empty() { "" } else { "." };
                return Some((format!("{name}{dot}{path}"), value));
            }
        }
        let value = &text[self.span.clone()];
        let found = self.below.is_empty() && ["inf", "-inf", "NaN", "-NaN"].contains(&value);
        found.then(|| (String::new(), value.to_owned()))
    }
}

/// Goes through text from value to value.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether `token` comes next; it is taken then.
    fn take(&mut self, token: char) -> bool {
        self.skip_space();
        let there = self.rest().starts_with(token);
        self.at += if there { token.len_utf8() } else { 0 };
        there
    }

    /// What comes next up to a character that ends a word: a name, a number, or a quoted text.
    fn word(&mut self) -> &str {
        self.skip_space();
        let start = self.at;
        let mut quoted = None;
        let mut escaped = false;
        for (offset, character) in self.text[start..].char_indices() {
            match quoted {
                Some(_) if escaped => escaped = false,
                Some(_) if character == '\\' => escaped = true,
                Some(quote) if character == quote => quoted = None,
                Some(_) => {}
                None if character == '"' || character == '\'' => quoted = Some(character),
                None if "()[]{},:".contains(character) || character.is_whitespace() => {
                    self.at = start + offset;
                    return &self.text[start..self.at];
                }
                None => {}
            }
        }
        self.at = self.text.len();
        &self.text[start..]
    }

    fn value(&mut self) -> Place {
        self.skip_space();
        let start = self.at;
        let mut place = Place::default();
        if self.take('(') {
            place = self.parenthesised();
        } else if self.take('[') {
            place.kind = Kind::List;
            place.below = self.list(']');
        } else if self.take('{') {
            place.kind = Kind::Map;
            place.below = self.named('}');
        } else {
            let name = self.word().to_owned();
            let open = self.at;
            if self.take('(') {
                let mut inner = self.parenthesised();
                inner.span = open..self.at;
                // A variant around one value is that value by its name.
                if inner.kind == Kind::List && inner.below.len() == 1 {
                    inner = inner.below.remove(0).1;
                }
                place.below = vec![(name, inner)];
            }
        }
        place.span = start..self.at;
        place
    }

    /// Fields or a tuple, after the parenthesis.
    fn parenthesised(&mut self) -> Place {
        let start = self.at;
        let name = !self.word().is_empty();
        let is_named = name && self.take(':');
        self.at = start;
        let mut place = Place::default();
        if is_named {
            place.below = self.named(')');
        } else {
            place.kind = Kind::List;
            place.below = self.list(')');
        }
        place
    }

    fn list(&mut self, end: char) -> Vec<(String, Place)> {
        let mut items = Vec::new();
        while !self.take(end) && self.at < self.text.len() {
            let before = self.at;
            items.push((items.len().to_string(), self.value()));
            self.take(',');
            if self.at == before {
                break;
            }
        }
        items
    }

    fn named(&mut self, end: char) -> Vec<(String, Place)> {
        let mut items = Vec::new();
        while !self.take(end) && self.at < self.text.len() {
            let before = self.at;
            let name = self.word().trim_matches('"').to_owned();
            self.take(':');
            items.push((name, self.value()));
            self.take(',');
            if self.at == before {
                break;
            }
        }
        items
    }
}
