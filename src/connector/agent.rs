//! The SSH agent: keys that sign without being handed over (draft-miller-ssh-agent).
//!
//! Asks for the list of keys and for signatures, nothing else: no key is added, removed or locked. Answers are another
//! program's, so sizes are limited and nothing in them is trusted; who checks the signature is the caller.

use std::time::Duration;

use ssh_encoding::{Decode, Encode};
use ssh_key::Signature;
use ssh_key::public::KeyData;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Longest answer: OpenSSH's own limit for a message.
const LONGEST: u32 = 256 * 1024;

/// A key in hardware waits for a finger.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why an agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It cannot be reached.
    #[error("the SSH agent at {place} cannot be reached: {source}")]
    Unreachable {
        /// Its address.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the SSH agent ended the conversation: {0}")]
    Broken(#[from] std::io::Error),
    /// It did not answer in two minutes.
    #[error("the SSH agent did not answer in two minutes")]
    Silent,
    /// It says no: the key is unknown, locked, or somebody declined.
    #[error("the SSH agent refused")]
    Refused,
    /// Its answer is not understood.
    #[error("the SSH agent answered something else than an agent does")]
    Garbled,
}

/// A connection to an agent.
pub struct Agent<S> {
    stream: S,
}

#[cfg(unix)]
impl Agent<tokio::net::UnixStream> {
    /// Connects to the socket `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// Nothing listens there.
    pub async fn connect(place: &str) -> Result<Self, AgentError> {
        let stream = tokio::net::UnixStream::connect(place)
            .await
            .map_err(|source| AgentError::Unreachable {
                place: place.to_owned(),
                source,
            })?;
        Ok(Self { stream })
    }
}

#[cfg(windows)]
impl Agent<tokio::net::windows::named_pipe::NamedPipeClient> {
    /// Connects to a named pipe, for OpenSSH `\\.\pipe\openssh-ssh-agent`.
    ///
    /// # Errors
    /// Nothing listens there.
    pub async fn connect(place: &str) -> Result<Self, AgentError> {
        let stream = tokio::net::windows::named_pipe::ClientOptions::new()
            .open(place)
            .map_err(|source| AgentError::Unreachable {
                place: place.to_owned(),
                source,
            })?;
        Ok(Self { stream })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Agent<S> {
    /// The keys it has. Those of a kind nobody here knows are left out.
    ///
    /// # Errors
    /// See [`AgentError`].
    pub async fn keys(&mut self) -> Result<Vec<KeyData>, AgentError> {
        let answer = self.ask(&[REQUEST_IDENTITIES], IDENTITIES_ANSWER).await?;
        let mut reader = answer.as_slice();
        let mut keys = Vec::new();
        let count = u32::decode(&mut reader).map_err(|_| AgentError::Garbled)?;
        for _ in 0..count {
            let blob = Vec::<u8>::decode(&mut reader).map_err(|_| AgentError::Garbled)?;
            // The comment is nobody's proof of anything.
            Vec::<u8>::decode(&mut reader).map_err(|_| AgentError::Garbled)?;
            keys.extend(KeyData::decode(&mut blob.as_slice()));
        }
        Ok(keys)
    }

    /// Has it sign some bytes.
    ///
    /// # Errors
    /// See [`AgentError`].
    pub async fn sign(&mut self, key: &KeyData, data: &[u8]) -> Result<Signature, AgentError> {
        let mut request = vec![SIGN_REQUEST];
        let mut blob = Vec::new();
        let encoded = key
            .encode(&mut blob)
            .and_then(|()| blob.encode(&mut request))
            .and_then(|()| data.encode(&mut request))
            .and_then(|()| 0u32.encode(&mut request));
        encoded.map_err(|_| AgentError::Garbled)?;
        let answer = self.ask(&request, SIGN_RESPONSE).await?;
        let signed = Vec::<u8>::decode(&mut answer.as_slice()).map_err(|_| AgentError::Garbled)?;
        Signature::try_from(signed.as_slice()).map_err(|_| AgentError::Garbled)
    }

    /// One request and its answer, without the message's number.
    async fn ask(&mut self, request: &[u8], wanted: u8) -> Result<Vec<u8>, AgentError> {
        let talk = async {
            let length = u32::try_from(request.len()).map_err(|_| AgentError::Garbled)?;
            self.stream.write_all(&length.to_be_bytes()).await?;
            self.stream.write_all(request).await?;
            self.stream.flush().await?;
            let length = self.stream.read_u32().await?;
            if length == 0 || length > LONGEST {
                return Err(AgentError::Garbled);
            }
            let mut answer = vec![0; length as usize];
            self.stream.read_exact(&mut answer).await?;
            Ok(answer)
        };
        let mut answer = tokio::time::timeout(PATIENCE, talk)
            .await
            .map_err(|_| AgentError::Silent)??;
        let kind = answer.remove(0);
        if kind == wanted {
            Ok(answer)
        } else {
            Err(AgentError::Refused)
        }
    }
}
