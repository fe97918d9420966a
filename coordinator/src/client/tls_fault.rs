//! What of a failed connection is a matter of certificates, in the words of whoever holds them.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// What is wrong with whose certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The coordinator's was not issued by the authority that was given.
    OtherAuthority,
    /// The coordinator does not accept ours: its authority did not issue it.
    OwnUnknown,
    /// The coordinator does not accept ours: its time is over, or has not come.
    OwnEnded,
    /// Our key is of another certificate.
    OwnKey,
}

impl TlsFault {
    /// What is at fault in a chain of errors; none where it is nothing of this kind.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // An error that is wrapped in one of the system's is not its source.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let found = error.downcast_ref().and_then(Self::of_tls).or_else(|| Self::of(wrapped?));
            // HTTP/2 keeps only the words of what ended its connection.
            let found = found.or_else(|| Self::of_words(&error.to_string()));
            if found.is_some() {
                return found;
            }
            next = error.source();
        }
        None
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::InvalidPurpose,
            ) => Some(Self::OtherAuthority),
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::InconsistentKeys(_) => Some(Self::OwnKey),
            _ => None,
        }
    }

    fn of_alert(alert: AlertDescription) -> Option<Self> {
        match alert {
            AlertDescription::CertificateExpired => Some(Self::OwnEnded),
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError => Some(Self::OwnUnknown),
            _ => None,
        }
    }

    fn of_words(text: &str) -> Option<Self> {
        let alerts = [
            AlertDescription::CertificateExpired,
            AlertDescription::UnknownCA,
            AlertDescription::BadCertificate,
            AlertDescription::CertificateUnknown,
            AlertDescription::DecryptError,
        ];
        let said = |alert: &AlertDescription| text.contains(&rustls::Error::AlertReceived(*alert).to_string());
        alerts.into_iter().find(said).and_then(Self::of_alert)
    }

    /// What is wrong, in a line.
    pub const fn problem(self) -> &'static str {
        match self {
            Self::OtherAuthority => "the coordinator's certificate was not issued by the authority of --ca",
            Self::OwnUnknown => "the coordinator does not accept your certificate: it is of another fleet",
            Self::OwnEnded => "the coordinator does not accept your certificate: its time is over",
            Self::OwnKey => "the key of --key does not belong to the certificate of --cert",
        }
    }

    /// What can be done about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::OtherAuthority => {
                "either it is another coordinator, or --ca is of another fleet: `throng operator add NAME` on the \
                 coordinator's machine writes the right throng-ca.pem"
            }
            Self::OwnUnknown | Self::OwnEnded => {
                "`throng operator add NAME` on the coordinator's machine makes another certificate"
            }
            Self::OwnKey => "`throng operator add NAME` writes NAME.pem and NAME.key: give both of the same name",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_however_deep_it_is_wrapped() {
        let alert = |alert| rustls::Error::AlertReceived(alert);
        let wrapped = io::Error::other(io::Error::other(alert(AlertDescription::UnknownCA)));
        assert_eq!(TlsFault::of(&wrapped), Some(TlsFault::OwnUnknown));
        let status = tonic::Status::from_error(Box::new(io::Error::other(alert(AlertDescription::CertificateExpired))));
        assert_eq!(TlsFault::of(&status), Some(TlsFault::OwnEnded));
        let words = io::Error::other(alert(AlertDescription::BadCertificate).to_string());
        assert_eq!(TlsFault::of(&io::Error::other(words.to_string())), Some(TlsFault::OwnUnknown));
        assert_eq!(TlsFault::of(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
        assert_eq!(TlsFault::of(&alert(AlertDescription::HandshakeFailure)), None);
    }
}
