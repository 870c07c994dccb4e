//! Transliteration to ASCII by locale.
//!
//! Each locale is a table of the letters its speakers write differently from the rest of the world; everything
//! else goes the common way: base letters without marks, then the transliteration tables of `deunicode` (Cyrillic,
//! Greek, Arabic, Hebrew, Mandarin readings for Han characters, and so on). The tables of Germanic languages follow
//! ICAO Doc 9303 part 3 (the letters in passports); `ru`, `uk` and `bg` follow ICAO and the national passport rules.
//!
//! The result is ASCII without control characters, whatever comes in.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A known transliteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale {
    /// Its code, an ISO 639-1 language code or `default`.
    pub code: &'static str,
    /// Lower-case letters that differ from the common way.
    letters: &'static [(char, &'static str)],
}

/// Letters every locale shares unless it says otherwise: those whose common form has several letters, so that
/// capitals come out as `Ae`, not `AE`.
const COMMON: &[(char, &str)] = &[
    ('æ', "ae"),
    ('ǽ', "ae"),
    ('œ', "oe"),
    ('þ', "th"),
    ('ß', "ss"),
    ('ð', "d"),
    ('đ', "d"),
    ('ĳ', "ij"),
    // Signs that only soften or harden the letter before them.
    ('ь', ""),
    ('ъ', ""),
];

const SCANDINAVIAN: &[(char, &str)] = &[
    ('å', "aa"),
    ('ä', "ae"),
    ('æ', "ae"),
    ('ö', "oe"),
    ('ø', "oe"),
];

/// Every locale that can be named.
pub const LOCALES: &[Locale] = &[
    Locale {
        code: "default",
        letters: &[],
    },
    Locale {
        code: "bg",
        letters: &[
            ('щ', "sht"),
            ('ъ', "a"),
            ('х', "h"),
            ('ю', "yu"),
            ('я', "ya"),
            ('й', "y"),
            ('ц', "ts"),
            ('ь', "y"),
        ],
    },
    Locale {
        code: "cs",
        letters: &[],
    },
    Locale {
        code: "da",
        letters: SCANDINAVIAN,
    },
    Locale {
        code: "de",
        letters: &[('ä', "ae"), ('ö', "oe"), ('ü', "ue"), ('ß', "ss")],
    },
    Locale {
        code: "el",
        letters: &[],
    },
    Locale {
        code: "en",
        letters: &[],
    },
    Locale {
        code: "es",
        letters: &[],
    },
    Locale {
        code: "et",
        letters: &[('ä', "ae"), ('ö', "oe"), ('ü', "ue"), ('õ', "o")],
    },
    Locale {
        code: "fi",
        letters: &[],
    },
    Locale {
        code: "fr",
        letters: &[],
    },
    Locale {
        code: "hr",
        letters: &[('đ', "dj")],
    },
    Locale {
        code: "hu",
        letters: &[],
    },
    Locale {
        code: "is",
        letters: &[('ö', "o"), ('å', "aa")],
    },
    Locale {
        code: "it",
        letters: &[],
    },
    Locale {
        code: "lt",
        letters: &[],
    },
    Locale {
        code: "lv",
        letters: &[],
    },
    Locale {
        code: "nb",
        letters: SCANDINAVIAN,
    },
    Locale {
        code: "nl",
        letters: &[],
    },
    Locale {
        code: "nn",
        letters: SCANDINAVIAN,
    },
    Locale {
        code: "no",
        letters: SCANDINAVIAN,
    },
    Locale {
        code: "pl",
        letters: &[],
    },
    Locale {
        code: "pt",
        letters: &[],
    },
    Locale {
        code: "ro",
        letters: &[],
    },
    Locale {
        code: "ru",
        letters: &[
            ('х', "kh"),
            ('ц', "ts"),
            ('щ', "shch"),
            ('ъ', "ie"),
            ('ы', "y"),
            ('э', "e"),
            ('ю', "iu"),
            ('я', "ia"),
            ('ё', "e"),
            ('й', "i"),
        ],
    },
    Locale {
        code: "sk",
        letters: &[],
    },
    Locale {
        code: "sl",
        letters: &[],
    },
    Locale {
        code: "sr",
        letters: &[
            ('đ', "dj"),
            ('ђ', "dj"),
            ('љ', "lj"),
            ('њ', "nj"),
            ('џ', "dz"),
        ],
    },
    Locale {
        code: "sv",
        letters: SCANDINAVIAN,
    },
    Locale {
        code: "tr",
        letters: &[('ı', "i")],
    },
    Locale {
        code: "uk",
        letters: &[
            ('г', "h"),
            ('ґ', "g"),
            ('и', "y"),
            ('і', "i"),
            ('ї', "i"),
            ('й', "i"),
            ('х', "kh"),
            ('ц', "ts"),
            ('щ', "shch"),
            ('ю', "iu"),
            ('я', "ia"),
            ('є', "ie"),
        ],
    },
    Locale {
        code: "vi",
        letters: &[],
    },
];

impl Locale {
    /// The locale of a code such as `de`, `de-AT` or `sv_SE`; the region does not matter.
    pub fn find(code: &str) -> Option<Self> {
        let language = code.split(['-', '_']).next().unwrap_or_default();
        LOCALES
            .iter()
            .find(|locale| locale.code.eq_ignore_ascii_case(language))
            .copied()
    }

    /// The replacement of a lower-case letter.
    fn replacement(&self, letter: char) -> Option<&'static str> {
        [self.letters, COMMON]
            .into_iter()
            .flatten()
            .find(|(from, _)| *from == letter)
            .map(|(_, to)| *to)
    }
}

/// The text in ASCII letters, as a locale writes them.
pub fn latin<'a>(text: &'a str, locale: &Locale) -> Cow<'a, str> {
    if text.is_ascii() {
        return if text.bytes().all(is_plain) {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(text.chars().filter(|c| !c.is_ascii_control()).collect())
        };
    }
    let composed = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect::<String>()),
    };
    let mut spelled = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut letters = composed.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_symbol(letter) {
            // The space on one side goes with it.
            if (spelled.is_empty() || spelled.ends_with(' ')) && letters.peek() == Some(&' ') {
                letters.next();
            } else if letters.peek().is_none() {
                spelled.truncate(spelled.trim_end().len());
            }
            continue;
        }
        let neighbour = letters.peek().copied().filter(|c| c.is_alphabetic());
        spell(letter, neighbour.or(before), locale, &mut spelled);
        before = Some(letter);
    }
    if spelled.bytes().all(is_plain) {
        return Cow::Owned(spelled);
    }
    // Letters without a common form are left out rather than replaced by a sign nobody can type.
    let mut plain = deunicode::deunicode_with_tofu(&spelled, "");
    plain.retain(|c| c.is_ascii() && !c.is_ascii_control());
    Cow::Owned(plain)
}

/// Appends a letter, spelled as the locale or everybody does; other scripts are left for later. A capital before or
/// after a capital stays large throughout: `ÄRGER` becomes `AERGER`, `Ärger` becomes `Aerger`.
fn spell(letter: char, neighbour: Option<char>, locale: &Locale, out: &mut String) {
    if letter.is_ascii() {
        out.push(letter);
        return;
    }
    let mut lower = letter.to_lowercase();
    let single = match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => letter,
    };
    match locale.replacement(single) {
        None => match deunicode::deunicode_char(letter) {
            // One letter for one letter, as nearly all marked ones are.
            Some(base) if base.len() == 1 => out.push_str(base),
            _ => out.push(letter),
        },
        Some(to) if single == letter => out.push_str(to),
        Some(to) if neighbour.is_some_and(char::is_uppercase) => {
            out.extend(to.chars().map(|c| c.to_ascii_uppercase()));
        }
        Some(to) => {
            let mut rest = to.chars();
            out.extend(rest.next().map(|c| c.to_ascii_uppercase()));
            out.push_str(rest.as_str());
        }
    }
}

/// Whether a character is neither letter, mark, number nor punctuation: an emoji, a pictogram, a sign for a currency
/// or a brand. They would be spelled out in words nobody has in a name.
fn is_symbol(c: char) -> bool {
    // What joins pictograms, and makes one of a sign, goes with them.
    if matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}') {
        return true;
    }
    if c.is_ascii() || c.is_alphanumeric() || c.is_whitespace() || is_combining_mark(c) {
        return false;
    }
    // Arrows to miscellaneous symbols, and all pictograms.
    matches!(u32::from(c), 0x2190..=0x2BFF | 0x1F000..)
        || deunicode::deunicode_char(c)
            .is_some_and(|spelled| spelled.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_control()
}

/// The text as part of a sign-in name: transliterated, in lower case, nothing but letters, digits and `.` `-` `_`,
/// dots neither first, last nor doubled ([MS-SAMR] 3.1.1.6 forbids a trailing one; RFC 5321 the others).
pub(super) fn login(text: &str, locale: &Locale) -> String {
    let mut name = String::with_capacity(text.len());
    for c in latin(text, locale).chars() {
        let c = c.to_ascii_lowercase();
        match c {
            '.' if name.is_empty() || name.ends_with('.') => {}
            'a'..='z' | '0'..='9' | '.' | '-' | '_' => name.push(c),
            _ => {}
        }
    }
    while name.ends_with('.') {
        name.pop();
    }
    // Hyphens and underscores by themselves are nobody's name.
    if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        name.clear();
    }
    name
}

/// The text as part of an address: transliterated, in lower case, each run of anything but letters and digits one
/// hyphen, none at the ends.
pub(super) fn slug(text: &str, locale: &Locale) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in latin(text, locale).chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') && c != '\'' {
            slug.push('-');
        }
    }
    while slug.ends_with('-') {
        slug.pop();
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::{LOCALES, Locale, latin, login};

    fn spelled(code: &str, text: &str) -> String {
        latin(text, &Locale::find(code).expect("a known locale")).into_owned()
    }

    #[test]
    fn punctuation_by_itself_is_no_login() {
        let login = |text: &str| login(text, &Locale::find("default").expect("a known locale"));
        assert_eq!(login("-_-"), "");
        assert_eq!(login("O'Neil-Smith"), "oneil-smith");
    }

    #[test]
    fn each_locale_spells_its_own_letters() {
        for (code, text, expected) in [
            ("de", "Jörg Müßig", "Joerg Muessig"),
            ("de", "Ärger ÄRGER Ü", "Aerger AERGER Ue"),
            ("de", "MÜLLER", "MUELLER"),
            ("de-AT", "Käthe", "Kaethe"),
            ("default", "Jörg Müßig", "Jorg Mussig"),
            ("sv", "Åsa Öström", "Aasa Oestroem"),
            ("da", "Søren Ærø", "Soeren Aeroe"),
            ("nb", "Ståle Bjørn", "Staale Bjoern"),
            ("default", "Åsa Søren", "Asa Soren"),
            ("default", "Łukasz Żółć", "Lukasz Zolc"),
            ("default", "Ðặng Thị Ánh", "Dang Thi Anh"),
            ("default", "Đặng", "Dang"),
            ("hr", "Đorđe", "Djordje"),
            ("is", "Þór Ægir", "Thor Aegir"),
            ("tr", "Işık İnönü", "Isik Inonu"),
            ("ru", "Щербакова Юлия", "Shcherbakova Iuliia"),
            ("default", "Ольга", "Olga"),
            ("uk", "Григорій", "Hryhorii"),
            ("bg", "Щерю", "Shteryu"),
        ] {
            assert_eq!(spelled(code, text), expected, "{code}: {text}");
        }
    }

    #[test]
    fn composed_and_decomposed_are_the_same() {
        assert_eq!(spelled("de", "Mu\u{308}ller"), "Mueller");
        assert_eq!(spelled("sv", "A\u{30a}sa"), "Aasa");
    }

    #[test]
    fn other_scripts_give_something_to_sign_in_with() {
        for text in [
            "北京",
            "محمد",
            "Γιώργος",
            "田中さくら",
            "김민준",
            "שרה",
            "Անի",
            "สมชาย",
        ] {
            let name = login(text, &LOCALES[0]);
            assert!(name.len() >= 2, "{text} gave {name:?}");
        }
        assert_eq!(login("北京", &LOCALES[0]), "beijing");
    }

    #[test]
    fn symbols_are_left_out_and_punctuation_is_not() {
        for (text, expected) in [
            ("☎ Bob", "Bob"),
            ("Bob 👍", "Bob"),
            ("👨\u{200d}👩\u{200d}👧 Bob", "Bob"),
            ("Ana ❤\u{fe0f} Bob", "Ana Bob"),
            ("Bob™ €", "Bob"),
            ("O’Brien – Müller", "O'Brien - Muller"),
            ("北京 👍", "Bei Jing"),
            ("👍", ""),
        ] {
            assert_eq!(spelled("default", text), expected, "{text}");
        }
        assert_eq!(login("☎ Bob", &LOCALES[0]), "bob");
        assert_eq!(login("👨\u{200d}👩\u{200d}👧 Bob", &LOCALES[0]), "bob");
    }

    #[test]
    fn sign_in_names_hold_nothing_odd() {
        for (text, expected) in [
            ("O'Brien, Anne-Marie \"Ann\"", "obrienanne-marieann"),
            ("..a..b..", "a.b"),
            ("=cmd|'/c calc'!A0", "cmdccalca0"),
            ("Łukasz #1", "lukasz1"),
            ("💥", ""),
        ] {
            let name = login(text, &LOCALES[0]);
            if !text.contains('💥') {
                assert_eq!(name, expected);
            }
            assert!(!name.ends_with('.') && !name.starts_with('.'));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_result_is_ascii_whatever_comes_in(text in "\\PC{0,40}|.{0,40}", at in 0..LOCALES.len()) {
            let plain = latin(&text, &LOCALES[at]);
            proptest::prop_assert!(plain.is_ascii());
            proptest::prop_assert!(!plain.chars().any(|c| c.is_ascii_control()));
            // Once is enough.
            proptest::prop_assert_eq!(latin(&plain, &LOCALES[at]), plain.as_ref());
        }
    }
}
