//! Security identifiers ([MS-DTYP] 2.4.2).

/// An `objectSid`: authority 5 (or another) and its sub-authorities.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    pub(crate) fn new(authority: u64, parts: &[u32]) -> Self {
        Self {
            authority,
            parts: parts.to_vec(),
        }
    }

    /// The account with this relative identifier in the domain.
    pub(crate) fn child(&self, rid: u32) -> Self {
        let mut parts = self.parts.clone();
        parts.push(rid);
        Self {
            authority: self.authority,
            parts,
        }
    }

    /// The last part.
    pub(crate) fn rid(&self) -> u32 {
        self.parts.last().copied().unwrap_or_default()
    }

    pub(crate) fn to_wire(&self) -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(self.parts.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        for part in &self.parts {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_wire(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(8)?;
        if head[0] != 1 || rest.len() != usize::from(head[1]) * 4 || head[1] > 15 {
            return None;
        }
        let mut authority = [0; 8];
        authority[2..].copy_from_slice(&head[2..]);
        Some(Self {
            authority: u64::from_be_bytes(authority),
            parts: rest
                .as_chunks::<4>()
                .0
                .iter()
                .map(|part| u32::from_le_bytes(*part))
                .collect(),
        })
    }

    /// From `S-1-5-21-…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text
            .strip_prefix("S-1-")
            .or_else(|| text.strip_prefix("s-1-"))?
            .split('-');
        let authority = parts.next()?.parse().ok()?;
        let parts = parts.map(|p| p.parse().ok()).collect::<Option<Vec<_>>>()?;
        (parts.len() <= 15).then_some(Self { authority, parts })
    }
}

impl std::fmt::Display for Sid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        for part in &self.parts {
            write!(f, "-{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sid;

    #[test]
    fn wire_and_text_forms_agree() {
        let sid = Sid::parse("S-1-5-21-1004336348-1177238915-682003330-512").expect("a sid");
        assert_eq!(sid.to_wire().len(), 28);
        assert_eq!(Sid::from_wire(&sid.to_wire()), Some(sid.clone()));
        assert_eq!(
            sid.to_string(),
            "S-1-5-21-1004336348-1177238915-682003330-512"
        );
        assert_eq!(sid.rid(), 512);
        assert_eq!(Sid::from_wire(&[1, 5, 0]), None);
        assert_eq!(Sid::parse("S-1-5-x"), None);
    }
}
