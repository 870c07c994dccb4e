//! The codes of all diagnostics: stable, because pipelines and people refer to them.
//!
//! `docs/diagnostics.md` explains each. Codes of the language begin with `language-` and stand in [`crate::lang`].

macro_rules! codes {
    ($($name:ident = $code:literal;)*) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub const $name: &str = $code;
        )*

        /// All codes of this room.
        pub const ALL: &[&str] = &[$($code),*];
    };
}

codes! {
    ABSENT_STATE = "absent-state";
    ACCOUNT_CIRCLE = "account-circle";
    ADDRESS_MISMATCH = "address-mismatch";
    ALIAS_EXPANSION = "alias-expansion";
    ALL_PROTECTED = "all-protected";
    ANCHOR_IN_ATTRIBUTES = "anchor-in-attributes";
    ATTRIBUTE_NEVER_WRITTEN = "attribute-never-written";
    AUTH_MISMATCH = "auth-mismatch";
    BAD_ACCOUNT = "bad-account";
    BAD_ATTRIBUTE_NAME = "bad-attribute-name";
    BAD_BODY = "bad-body";
    BAD_CSV = "bad-csv";
    BAD_DATE_FORMAT = "bad-date-format";
    BAD_DN = "bad-dn";
    BAD_DURATION = "bad-duration";
    BAD_ENDPOINT_ORDER = "bad-endpoint-order";
    BAD_GLOB = "bad-glob";
    BAD_JOIN = "bad-join";
    BAD_PAGING = "bad-paging";
    BAD_PATTERN = "bad-pattern";
    BAD_PERCENTAGE = "bad-percentage";
    BAD_RECIPIENT = "bad-recipient";
    BAD_REQUEST = "bad-request";
    BAD_TIME_ZONE = "bad-time-zone";
    BAD_URL = "bad-url";
    CANNOT_BE_CLEARED = "cannot-be-cleared";
    CANNOT_BE_CUT = "cannot-be-cut";
    CONFLICTING_GROUP_MODES = "conflicting-group-modes";
    CONFLICTING_TEMPLATES = "conflicting-templates";
    CONSTANT_CONDITION = "constant-condition";
    CONSTANT_MATCH = "constant-match";
    CONTRADICTING_EXCEPTIONS = "contradicting-exceptions";
    CONTRADICTING_LINKS = "contradicting-links";
    CUSTOM_FIELDS_NOT_REQUESTED = "custom-fields-not-requested";
    DN_OUTSIDE_BASE = "dn-outside-base";
    DN_OUTSIDE_MANAGED = "dn-outside-managed";
    DN_PROTECTED = "dn-protected";
    DUPLICATE_KEY = "duplicate-key";
    DUPLICATE_LIFECYCLE = "duplicate-lifecycle";
    DUPLICATE_MAPPING = "duplicate-mapping";
    DUPLICATE_NAME = "duplicate-name";
    DUPLICATE_ROW = "duplicate-row";
    DUPLICATE_STATE = "duplicate-state";
    EMPTY_CONSTANT = "empty-constant";
    EMPTY_TEMPLATE = "empty-template";
    EMPTY_VALUE = "empty-value";
    EXCEPTION_EXPIRED = "exception-expired";
    EXCEPTION_EXPIRES_SOON = "exception-expires-soon";
    EXCEPTION_OF_NAME = "exception-of-name";
    FIELD_NOT_DELIVERED = "field-not-delivered";
    FILE_TOO_LARGE = "file-too-large";
    FILE_UNREADABLE = "file-unreadable";
    FORBIDDEN_CHARACTER = "forbidden-character";
    INCLUDE_MATCHES_NOTHING = "include-matches-nothing";
    INSECURE_URL = "insecure-url";
    INVALID_FIELD_NAME = "invalid-field-name";
    INVALID_NAME = "invalid-name";
    INVALID_VALUE = "invalid-value";
    KEY_IN_AUTHORIZATION = "key-in-authorization";
    LITERAL_SECRET = "literal-secret";
    MANAGED_EVERYTHING = "managed-everything";
    MAX_LENGTH_ABOVE_LIMIT = "max-length-above-limit";
    MERGE_NOT_POSSIBLE = "merge-not-possible";
    MISSING_ATTRIBUTE = "missing-attribute";
    MISSING_COLUMN = "missing-column";
    MISSING_FIELD = "missing-field";
    MISSING_FILE = "missing-file";
    NESTED_TOO_DEEP = "nested-too-deep";
    NAME_IN_ONE_PLACE = "name-in-one-place";
    NO_CATCH_ALL = "no-catch-all";
    NO_ENABLED_STATE = "no-enabled-state";
    NO_GLOBAL_CATALOG = "no-global-catalog";
    NO_GROUP_RULES = "no-group-rules";
    NO_LIFECYCLE = "no-lifecycle";
    NO_MAPPING = "no-mapping";
    NO_PROJECT = "no-project";
    NO_REFRESH_TOKEN = "no-refresh-token";
    NOT_INCLUDED = "not-included";
    NOT_JOINED = "not-joined";
    NOT_A_REFERENCE = "not-a-reference";
    NOT_UTF8 = "not-utf8";
    ONE_OF = "one-of";
    OUT_OF_RANGE = "out-of-range";
    PATH_OUTSIDE_PROJECT = "path-outside-project";
    PERSON_FIELD_NOT_UNIQUE = "person-field-not-unique";
    RATE_ABOVE_LIMIT = "rate-above-limit";
    READERS_DISAGREE = "readers-disagree";
    RENAME_AND_WHEN = "rename-and-when";
    RENAME_WITHOUT_RULE = "rename-without-rule";
    RESERVED_PARAMETER = "reserved-parameter";
    RULE_DOES_NOT_FIT = "rule-does-not-fit";
    RULE_NEEDS_ONE_VALUE = "rule-needs-one-value";
    RULE_WITHOUT_CHECK = "rule-without-check";
    SAME_BIND_ACCOUNT = "same-bind-account";
    SCOPE_CANNOT_READ = "scope-cannot-read";
    SCOPE_TOO_WIDE = "scope-too-wide";
    SEVERAL_PROJECTS = "several-projects";
    SINGLE_VALUED = "single-valued";
    STAGE_ORDER = "stage-order";
    STAMP_ATTRIBUTE = "stamp-attribute";
    TABLE_NEEDS_ROWS = "table-needs-rows";
    TEST_CONTRADICTS_ITSELF = "test-contradicts-itself";
    TEST_EXPECTS_NOTHING = "test-expects-nothing";
    TOO_MANY_FILES = "too-many-files";
    UNAUTHORISED_SERVER = "unauthorised-server";
    UNCERTAIN_OVERLAP = "uncertain-overlap";
    UNDATED_STAGES = "undated-stages";
    UNIQUE_ADDRESSES = "unique-addresses";
    UNIQUE_SINGLE_FORMAT = "unique-single-format";
    UNKNOWN_API_VERSION = "unknown-api-version";
    UNKNOWN_ATTRIBUTE = "unknown-attribute";
    UNKNOWN_ENDPOINT = "unknown-endpoint";
    UNKNOWN_FIELD = "unknown-field";
    UNKNOWN_GROUP = "unknown-group";
    UNKNOWN_HELD_CODE = "unknown-held-code";
    UNKNOWN_KIND = "unknown-kind";
    UNKNOWN_MAPPING = "unknown-mapping";
    UNKNOWN_MEMBER = "unknown-member";
    UNKNOWN_PARAMETER = "unknown-parameter";
    UNKNOWN_PERSON = "unknown-person";
    UNKNOWN_PERSON_FIELD = "unknown-person-field";
    UNKNOWN_SCOPE = "unknown-scope";
    UNKNOWN_SOURCE = "unknown-source";
    UNKNOWN_STATE = "unknown-state";
    UNKNOWN_TABLE = "unknown-table";
    UNKNOWN_TARGET = "unknown-target";
    UNKNOWN_VALUE = "unknown-value";
    UNPROVABLE_LIST = "unprovable-list";
    UNUSED_SERVER = "unused-server";
    UNREACHABLE_STATE = "unreachable-state";
    UNUSED = "unused";
    VALUE_TOO_LONG = "value-too-long";
    WEAK_PERSON_KEY = "weak-person-key";
    WRONG_TYPE = "wrong-type";
    YAML_SYNTAX = "yaml-syntax";
}
