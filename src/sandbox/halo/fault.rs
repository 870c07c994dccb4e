//! Faults on demand: what goes wrong, and at which request.
//!
//! Knows nothing of HTTP serving. Invariant: a fault happens at exactly the requests it was ordered for, so tests can
//! say what they expect.

use std::time::Duration;

use super::person::HaloPerson;

/// Which requests are counted for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// Token requests.
    Token,
    /// Requests to the API.
    Api,
}

/// The shapes error bodies come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorShape {
    /// `"text"`
    JsonString,
    /// `{"ClassName": …, "Message": …}`
    DotNet,
    /// `{"Message": …}`
    Message,
    /// `{"error": …}`
    Error,
    /// `{"resultCode": …, "errorMessage": …}`
    ResultCode,
    /// Plain text.
    Plain,
    /// A page of HTML.
    Html,
    /// Nothing.
    Empty,
}

/// The envelopes a list comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// No envelope, and so no total.
    Bare,
    /// `{"record_count": …, "results": […]}`
    Results,
    /// `{"record_count": …, "tree": […]}`
    Tree,
    /// `{"record_count": …}` and no list at all.
    Missing,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Status 200 with a maintenance page.
    Html200,
    /// The body breaks off, though its announced length is right.
    TruncatedJson,
    /// The body is cut short of its announced length.
    BrokenOff,
    /// This status and an error body.
    Status(u16, ErrorShape, String),
    /// This status, and a body that repeats the `Authorization` header and the form it was sent.
    Echo(u16),
    /// 429, with `Retry-After` when given.
    Throttle(Option<String>),
    /// 307 to this address.
    Redirect(String),
    /// The connection ends instead of an answer; nothing was done.
    ResetConnection,
    /// The connection ends instead of an answer; everything was done.
    ResetAfterCommit,
    /// All tokens die before this request is looked at.
    ExpireTokens,
    /// All logins end before this request is looked at: their refresh tokens are good for nothing.
    EndLogins,
    /// This fixed text instead of the answer, with status 200 and JSON content type.
    Body(String),
    /// Rows come into being before this request is answered.
    Insert(Vec<HaloPerson>),
    /// Rows are deleted before this request is answered.
    Delete(Vec<i64>),
    /// The total is off by this much.
    WrongRecordCount(i64),
    /// No total in the answer.
    NoRecordCount,
    /// The list comes in another envelope.
    Envelope(Envelope),
    /// Only so many rows of the page come.
    ShortPage(usize),
    /// The page before comes instead of the one asked for.
    RepeatPage,
    /// The answer comes late, by real time.
    Slow(Duration),
}

/// A fault and the requests it is for, counted from 1.
#[derive(Debug, Clone)]
struct Order {
    on: On,
    from: u64,
    until: u64,
    fault: Fault,
}

/// All faults that are ordered, and the counts they refer to.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    orders: Vec<Order>,
    token: u64,
    api: u64,
}

impl Schedule {
    fn count(&mut self, on: On) -> &mut u64 {
        match on {
            On::Token => &mut self.token,
            On::Api => &mut self.api,
        }
    }

    /// Counts a request and gives its faults, in the order they were ordered.
    pub(super) fn begin(&mut self, on: On) -> Vec<Fault> {
        let count = self.count(on);
        *count += 1;
        let count = *count;
        self.orders
            .iter()
            .filter(|order| order.on == on && (order.from..=order.until).contains(&count))
            .map(|order| order.fault.clone())
            .collect()
    }

    /// Orders a fault for requests `from..=until`.
    pub(super) fn order(&mut self, on: On, from: u64, until: u64, fault: Fault) {
        self.orders.push(Order {
            on,
            from,
            until,
            fault,
        });
    }

    /// The number of the next request.
    pub(super) fn next(&mut self, on: On) -> u64 {
        *self.count(on) + 1
    }

    /// Forgets all orders and counts from 1 again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
