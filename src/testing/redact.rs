//! Invented values of the same form, so that a recorded test says nothing about anybody.
//!
//! Every word becomes an invented one of the same length, case and script, the same word always the same one, and
//! e-mail addresses end at `example.com`; every date moves by the same number of days, the moment of the test with
//! them. Words that stand in the configuration (departments in a table, constants in a condition) are no secret of a
//! person and stay, or the rules would answer something else.

use std::collections::{HashMap, HashSet};

use jiff::ToSpan as _;
use unicode_normalization::char::is_combining_mark;

use super::bench::Bench;
use crate::config::given;
use crate::config::kinds::{GivenAccount, GivenFact, GivenValue, MappingTest};
use crate::mapping::NEVER_EXPIRES;
use crate::model::{Dn, DnKey, FactType, Syntax, default_schema};
use crate::plan::Trace;

/// Invents values, the same for the same.
pub(super) struct Redactor<'b> {
    bench: &'b Bench,
    days: i64,
    /// Texts of the configuration, in lower case.
    known: HashSet<String>,
    /// Texts that rules give everybody, in lower case. Their single words may be somebody's name.
    whole: HashSet<String>,
    /// Words of names of groups that rules make, in lower case.
    group_words: HashSet<String>,
    /// Groups and places that stand in the configuration.
    places: HashSet<DnKey>,
    words: HashMap<String, String>,
    numbers: HashMap<String, String>,
    keys: HashMap<String, String>,
}

impl<'b> Redactor<'b> {
    pub(super) fn new(bench: &'b Bench, trace: &Trace, days: i64) -> Self {
        let mut known = HashSet::new();
        let mut learn = |text: &str| {
            known.insert(text.trim().to_lowercase());
        };
        for table in bench.config.tables.values() {
            for (key, value) in &table.rows {
                learn(key);
                learn(value);
            }
        }
        for rule in &trace.rules {
            constants(&rule.text, &mut learn);
        }
        let whole = trace
            .rules
            .iter()
            .filter(|rule| !rule.is_condition && !rule.text.contains(['{', '}']))
            .map(|rule| rule.text.trim().to_lowercase())
            .collect();
        let mut group_words = HashSet::new();
        let mut places = HashSet::new();
        let managed = bench
            .config
            .directories
            .values()
            .map(|one| &one.spec.managed);
        let standing =
            managed.flat_map(|managed| managed.under.iter().chain(&managed.groups_under));
        let literal = bench
            .groups
            .iter()
            .filter_map(|rule| rule.template.literal());
        let mut stands = |text: &str| {
            let mut at = Dn::parse(text.trim()).ok();
            while let Some(dn) = at {
                at = dn.parent();
                places.insert(dn.key());
            }
        };
        stands(bench.base.as_str());
        standing.for_each(|text| stands(text));
        literal.for_each(stands);
        for rule in trace
            .rules
            .iter()
            .filter(|rule| rule.pointer.ends_with("/group"))
        {
            // What is computed follows from the person.
            for part in rule
                .text
                .split("{{")
                .map(|part| part.rsplit("}}").next().unwrap_or(part))
            {
                let words = part.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
                group_words.extend(words.filter(|word| !word.is_empty()).map(str::to_lowercase));
            }
        }
        Self {
            bench,
            days,
            known,
            whole,
            group_words,
            places,
            words: HashMap::new(),
            numbers: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    /// Redacts everything but the expectation, which is made anew.
    pub(super) fn test(&mut self, test: &mut MappingTest) {
        if let Some(moment) = given::as_of(&test.as_of, &self.bench.zone) {
            let local = moment.to_zoned(self.bench.zone.clone());
            if let Ok(moved) = local.checked_add(self.days.days()) {
                test.as_of = moved.timestamp().to_string();
            }
        }
        test.key = test.key.as_deref().map(|key| self.key(key));
        self.facts(test.person.as_mut());
        for other in &mut test.others {
            other.key = other.key.as_deref().map(|key| self.key(key));
            self.facts(other.person.as_mut());
            if let Some(account) = &mut other.account {
                self.account(account);
            }
        }
        if let Some(account) = &mut test.directory.account {
            self.account(account);
        }
    }

    fn key(&mut self, key: &str) -> String {
        let next = self.keys.len() + 1;
        self.keys
            .entry(key.to_owned())
            .or_insert_with(|| next.to_string())
            .clone()
    }

    fn facts(&mut self, facts: Option<&mut std::collections::BTreeMap<String, Option<GivenFact>>>) {
        let bench = self.bench;
        for (name, fact) in facts.into_iter().flatten() {
            let Some(fact) = fact else { continue };
            let field = bench
                .people
                .fields
                .iter()
                .find(|field| field.name.as_str() == name);
            let fact_type = field.map_or(FactType::Text, |field| field.fact_type);
            match fact {
                GivenFact::Text(text) => {
                    *text = match fact_type {
                        FactType::Date | FactType::DateTime => self.moment(text),
                        _ => self.reference_or_text(text),
                    };
                }
                GivenFact::Integer(number) => *number = self.integer(*number),
                GivenFact::List(items) => {
                    for item in items {
                        *item = self.text(item);
                    }
                }
                GivenFact::Boolean(_) => {}
            }
        }
    }

    /// A text that is the key of somebody of the test (a manager's) stays their key.
    fn reference_or_text(&mut self, text: &str) -> String {
        match self.keys.get(text) {
            Some(key) => key.clone(),
            None => self.text(text),
        }
    }

    fn account(&mut self, account: &mut GivenAccount) {
        for (name, value) in &mut account.attributes {
            let def = default_schema().get(name);
            match value {
                GivenValue::Person(reference) => reference.person = self.key(&reference.person),
                GivenValue::Text(text) => {
                    let syntax = def.map_or(Syntax::Text, |def| def.syntax);
                    *text = match syntax {
                        Syntax::LargeInteger => self.ticks(text),
                        Syntax::Time => self.moment(text),
                        Syntax::Integer | Syntax::Boolean | Syntax::Other => text.clone(),
                        Syntax::Octets => String::new(),
                        Syntax::Dn | Syntax::Text | Syntax::CaseExactText => self.text(text),
                    };
                }
                GivenValue::List(texts) => {
                    for text in texts {
                        *text = self.text(text);
                    }
                }
                GivenValue::Boolean(_) | GivenValue::Integer(_) => {}
            }
        }
        if let Some(since) = &mut account.disabled_since {
            *since = self.moment(since);
        }
        for group in &mut account.groups {
            *group = self.group(group);
        }
        // Bytes have no form to keep.
        account
            .attributes
            .retain(|_, value| !matches!(value, GivenValue::Text(text) if text.is_empty()));
    }

    fn moment(&self, text: &str) -> String {
        if let Ok(date) = text.parse::<jiff::civil::Date>()
            && text.len() == 10
        {
            return date
                .checked_add(self.days.days())
                .map_or_else(|_| text.to_owned(), |date| date.to_string());
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(moment) => moment
                .checked_add((self.days * 24).hours())
                .map_or_else(|_| text.to_owned(), |moment| moment.to_string()),
            Err(_) => text.to_owned(),
        }
    }

    /// Ticks since 1601, a hundred nanoseconds each, move by whole days.
    fn ticks(&self, text: &str) -> String {
        const DAY: i64 = 864_000_000_000;
        match text.parse::<i64>() {
            Ok(ticks) if ticks > DAY && text != NEVER_EXPIRES => ticks
                .checked_add(self.days * DAY)
                .map_or_else(|| text.to_owned(), |ticks| ticks.to_string()),
            _ => text.to_owned(),
        }
    }

    fn integer(&mut self, number: i64) -> i64 {
        let digits = self.number(&number.unsigned_abs().to_string());
        let invented: i64 = digits.parse().unwrap_or(number);
        if number < 0 { -invented } else { invented }
    }

    /// An invented text of the same form. Addresses within it end at `example.com`, too.
    fn text(&mut self, text: &str) -> String {
        if self.is_known(text) || self.whole.contains(&text.trim().to_lowercase()) {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let beside = |c: char| c.is_whitespace() || ",;<>()[]{}\"|".contains(c);
        for piece in text.split_inclusive(beside) {
            let body = piece.trim_end_matches(beside);
            let sentence = body.trim_end_matches(['.', '!', '?', ':']);
            match self.address(sentence) {
                Some(address) => {
                    out.push_str(&address);
                    out.push_str(&piece[sentence.len()..]);
                }
                None => out.push_str(&self.words(piece)),
            }
        }
        out
    }

    /// An e-mail address; `SMTP:jane.doe@…` as well as a plain one.
    fn address(&mut self, text: &str) -> Option<String> {
        let (local, domain) = text.rsplit_once('@')?;
        if local.is_empty() || !domain.contains('.') {
            return None;
        }
        let (prefix, local) = match local.split_once(':') {
            Some((prefix, local))
                if ["smtp", "mailto", "sip"]
                    .iter()
                    .any(|known| prefix.eq_ignore_ascii_case(known)) =>
            {
                (format!("{prefix}:"), local)
            }
            _ => (String::new(), local),
        };
        let domain = if self.is_known(domain) {
            domain
        } else {
            "example.com"
        };
        Some(format!("{prefix}{}@{domain}", self.words(local)))
    }

    /// A group with an invented name, in an invented place, as far as neither stands in the configuration.
    fn group(&mut self, text: &str) -> String {
        match Dn::parse(text) {
            Ok(dn) => self.named(&dn).to_string(),
            Err(_) => self.words(text),
        }
    }

    fn named(&mut self, dn: &Dn) -> Dn {
        if self.places.contains(&dn.key()) {
            return dn.clone();
        }
        let Some(parent) = dn.parent() else {
            return dn.clone();
        };
        let rdn = dn.rdn();
        let mut invented = String::new();
        let is_word = |c: char| c.is_alphanumeric() || is_combining_mark(c);
        let mut rest = rdn.value.as_str();
        while let Some(first) = rest.chars().next() {
            let word = is_word(first);
            let end = rest.find(|c| is_word(c) != word).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            if self.group_words.contains(&run.to_lowercase()) {
                invented.push_str(run);
            } else {
                invented.push_str(&self.words(run));
            }
            rest = after;
        }
        self.named(&parent).child(&rdn.attribute, &invented)
    }

    fn is_known(&self, text: &str) -> bool {
        self.known.contains(&text.trim().to_lowercase())
    }

    fn words(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut run = String::new();
        let mut kind = Kind::Other;
        for c in text.chars() {
            let next = Kind::of(c, kind);
            if next != kind {
                self.flush(&mut run, kind, &mut out);
                kind = next;
            }
            run.push(c);
        }
        self.flush(&mut run, kind, &mut out);
        out
    }

    fn flush(&mut self, run: &mut String, kind: Kind, out: &mut String) {
        match kind {
            Kind::Other => out.push_str(run),
            Kind::Digits => {
                let number = self.number(run);
                out.push_str(&number);
            }
            Kind::Letters if self.is_known(run) => out.push_str(run),
            Kind::Letters => {
                let lower = run.to_lowercase();
                let number = self.words.len();
                let invented = self
                    .words
                    .entry(lower.clone())
                    .or_insert_with(|| another(&lower, number));
                out.push_str(&cased(invented, run));
            }
        }
        run.clear();
    }

    /// As many digits, beginning with a zero where the number did. A lone zero says nothing and stays.
    fn number(&mut self, digits: &str) -> String {
        if let Some(known) = self.numbers.get(digits) {
            return known.clone();
        }
        let length = digits.chars().count();
        let free = match digits.trim_start_matches('0').len() {
            // Nothing but zeros: the first stays, or nothing could change.
            0 => length - 1,
            free => free,
        };
        let mut invented = digits.to_owned();
        if free > 0 {
            let size = 9 * 10_u64.saturating_pow(u32::try_from(free - 1).unwrap_or(18).min(17));
            let least = size / 9;
            let start = self.numbers.len() as u64 * 7919 + 1;
            for step in 0..size.min(10_000) {
                let number = least + (start + step) % size;
                let tail = number.to_string();
                let pad = "0".repeat(length.saturating_sub(tail.len()));
                invented = format!("{pad}{tail}");
                if invented != digits && !self.numbers.values().any(|used| *used == invented) {
                    break;
                }
            }
        }
        self.numbers.insert(digits.to_owned(), invented.clone());
        invented
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letters,
    Digits,
    Other,
}

impl Kind {
    fn of(c: char, before: Self) -> Self {
        if is_combining_mark(c) {
            before
        } else if c.is_numeric() {
            if c.is_ascii_digit() {
                Self::Digits
            } else {
                Self::Other
            }
        } else if c.is_alphabetic() {
            Self::Letters
        } else {
            Self::Other
        }
    }
}

/// An invented word that is not the word itself.
fn another(word: &str, number: usize) -> String {
    let first = invent(word, number);
    let more = (1..20).map(|step| invent(word, number + 31 * step));
    std::iter::once(first.clone())
        .chain(more)
        .find(|invented| invented != word)
        .unwrap_or(first)
}

/// The `number`-th invented word with the length and scripts of a word in lower case.
fn invent(word: &str, number: usize) -> String {
    let mut state = number;
    let mut vowel = number % 2 == 1;
    word.chars()
        .enumerate()
        .map(|(at, c)| {
            if is_combining_mark(c) {
                return c;
            }
            let letters: Vec<char> = match u32::from(c) {
                0..=0x7f if vowel => "aeiou".chars().collect(),
                0..=0x7f => "bdfgklmnprstvw".chars().collect(),
                0x80..=0x24f | 0x1e00..=0x1eff => "äéïöü".chars().collect(),
                0x370..=0x3ff => "αβγδεζηθικλμν".chars().collect(),
                0x400..=0x52f => "абвгдежиклмно".chars().collect(),
                0x590..=0x5ff => "אבגדהוזח".chars().collect(),
                0x600..=0x6ff => "ابتثجحخد".chars().collect(),
                0x3040..=0x30ff => "あいうえおかきく".chars().collect(),
                0xac00..=0xd7af => "가나다라마바사".chars().collect(),
                0x4e00..=0x9fff => "王李张刘陈杨赵".chars().collect(),
                _ => vec!['ä', 'é', 'ö'],
            };
            vowel = !vowel;
            let chosen = letters[state % letters.len()];
            // Neighbouring letters and neighbouring words differ.
            state = state / letters.len() + number + 3 + at * 5;
            chosen
        })
        .collect()
}

/// A word in lower case with the capitals of another of the same length.
fn cased(word: &str, like: &str) -> String {
    word.chars()
        .zip(like.chars())
        .flat_map(|(c, like)| {
            if like.is_uppercase() {
                c.to_uppercase().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// Texts between quotes in a rule, and the domains of addresses it makes.
fn constants(rule: &str, learn: &mut impl FnMut(&str)) {
    for quote in ['\'', '"'] {
        for (at, part) in rule.split(quote).enumerate() {
            if at % 2 == 1 {
                learn(part);
                // Conditions look for beginnings and parts, too.
                part.split(|c: char| !c.is_alphabetic())
                    .filter(|word| !word.is_empty())
                    .for_each(&mut *learn);
            }
        }
    }
    for part in rule.split('@').skip(1) {
        let domain: String = part
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
            .collect();
        if domain.contains('.') {
            learn(&domain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_words_keep_length_case_and_script() {
        for word in ["jane", "müller", "ольга", "王小明", "o"] {
            let invented = another(word, 3);
            assert_eq!(invented.chars().count(), word.chars().count(), "{word}");
            assert_ne!(invented, word);
        }
        assert!(!invent("müller", 0).is_ascii());
        assert_eq!(cased("abcd", "McDo"), "AbCd");
    }

    #[test]
    fn different_words_become_different_ones() {
        let words: HashSet<String> = (0..200).map(|number| invent("surname", number)).collect();
        assert!(words.len() > 190, "{}", words.len());
    }

    #[test]
    fn constants_of_rules_are_known() {
        let mut known = Vec::new();
        constants(
            "person.department == 'Sales' {{ x }}@corp.example.test",
            &mut |text| known.push(text.to_owned()),
        );
        assert_eq!(known, ["Sales", "Sales", "corp.example.test"]);
    }
}
