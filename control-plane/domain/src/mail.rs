//! What Siteplane writes to people: subject, plain text and HTML of each letter, in the name of a brand. Pure text;
//! sending is the worker's.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// In whose name a letter is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The product's name.
    pub product: String,
    /// Where readers find help, if anywhere.
    pub support_url: Option<String>,
    /// Colour of the button, `#rrggbb`.
    pub colour: String,
    /// Colour of the text on it.
    pub text_colour: String,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            product: "Siteplane".to_owned(),
            support_url: None,
            colour: "#1f4fd8".to_owned(),
            text_colour: "#ffffff".to_owned(),
        }
    }
}

/// A letter. Links in it act for whoever has them, so a letter is sealed while it waits and never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// Shows that the address is the reader's.
    VerifyEmail {
        /// Where to.
        link: String,
    },
    /// Invites to a customer or to the platform.
    Invitation {
        /// Who invites.
        invited_by: String,
        /// Where to: the customer's name, or the product's.
        to: String,
        /// As what.
        role: String,
        /// Where to.
        link: String,
    },
    /// Sets a new password.
    ResetPassword {
        /// Where to.
        link: String,
        /// How long the link is good, in minutes.
        minutes: i64,
    },
    /// Says that sign-in is blocked after wrong passwords, and lifts it.
    Lockout {
        /// Where the last try came from.
        address: String,
        /// Where to.
        link: String,
    },
    /// Says that something changed about how the reader signs in.
    Alert {
        /// What changed, as a sentence.
        what: String,
        /// Where from.
        address: String,
    },
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter::{}", self.template())
    }
}

/// A letter as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For readers of plain text.
    pub text: String,
    /// For the others; without anything that is loaded from elsewhere.
    pub html: String,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendered")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// What a letter says, before it is laid out.
struct Content {
    subject: String,
    sentences: Vec<String>,
    button: Option<(&'static str, String)>,
    ending: &'static str,
}

impl Letter {
    /// The name of the template.
    pub fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::Invitation { .. } => "invitation",
            Self::ResetPassword { .. } => "reset_password",
            Self::Lockout { .. } => "lockout",
            Self::Alert { .. } => "alert",
        }
    }

    /// After how long it says nothing of use any more, where it says so itself.
    pub fn good_for(&self) -> Option<TimeDelta> {
        match self {
            Self::ResetPassword { minutes, .. } => TimeDelta::try_minutes(*minutes),
            Self::VerifyEmail { .. }
            | Self::Invitation { .. }
            | Self::Lockout { .. }
            | Self::Alert { .. } => None,
        }
    }

    /// Lays the letter out.
    pub fn render(&self, sender: &Sender) -> Rendered {
        let content = self.content(&sender.product);
        Rendered {
            subject: one_line(&content.subject),
            text: text_of(&content, sender),
            html: html_of(&content, sender),
        }
    }

    fn content(&self, product: &str) -> Content {
        let nothing = "If this was not you, you can leave it at that: nothing happens without the link.";
        match self {
            Self::VerifyEmail { link } => Content {
                subject: format!("Confirm your address for {product}"),
                sentences: vec![format!(
                    "Please confirm that this address is yours, so that {product} can write to you."
                )],
                button: Some(("Confirm address", link.clone())),
                ending: nothing,
            },
            Self::Invitation {
                invited_by,
                to,
                role,
                link,
            } => Content {
                subject: format!("{invited_by} invites you to {to}"),
                sentences: vec![format!(
                    "{invited_by} invites you to {to} on {product}, with the role {role}. Choose a password to come in."
                )],
                button: Some(("Accept invitation", link.clone())),
                ending: "If you don't know them, leave this letter alone: the invitation ends by itself.",
            },
            Self::ResetPassword { link, minutes } => Content {
                subject: format!("Choose a new password for {product}"),
                sentences: vec![
                    format!("Somebody asked for a new password for your account at {product}."),
                    format!(
                        "The link is good for {minutes} minutes, once. Choosing a new password ends all your sessions."
                    ),
                ],
                button: Some(("Choose a password", link.clone())),
                ending: nothing,
            },
            Self::Lockout { address, link } => Content {
                subject: format!("Sign-in to {product} is slowed down"),
                sentences: vec![format!(
                    "There were many wrong passwords for your account at {product}, the last one from {address}. For a \
                     while each further try has to wait."
                )],
                button: Some(("It was me: let me in", link.clone())),
                ending: "If it was not you, nobody got in. A second factor keeps it so even if your password is guessed.",
            },
            Self::Alert { what, address } => Content {
                subject: format!("Your account at {product} was changed"),
                sentences: vec![what.clone(), format!("The request came from {address}.")],
                button: None,
                ending: "If this was not you, choose a new password at once and tell those who run your account.",
            },
        }
    }
}

fn text_of(content: &Content, sender: &Sender) -> String {
    let mut text = String::new();
    for sentence in &content.sentences {
        text.push_str(&one_line(sentence));
        text.push_str("\n\n");
    }
    if let Some((label, link)) = &content.button {
        text.push_str(&format!("{label}:\n{}\n\n", one_line(link)));
    }
    text.push_str(content.ending);
    text.push_str(&format!("\n\n-- \n{}\n", one_line(&sender.product)));
    if let Some(url) = &sender.support_url {
        text.push_str(&format!("Help: {}\n", one_line(url)));
    }
    text
}

fn html_of(content: &Content, sender: &Sender) -> String {
    let sentences: String = content
        .sentences
        .iter()
        .map(|sentence| format!("<p>{}</p>\n", escape(sentence)))
        .collect();
    let button = content.button.as_ref().map_or_else(String::new, |(label, link)| {
        let link = escape(link);
        format!(
            "<p><a href=\"{link}\" style=\"display:inline-block;padding:12px 20px;border-radius:6px;text-decoration:none;\
             background:{};color:{}\">{}</a></p>\n<p style=\"font-size:13px\">Or open {link}</p>\n",
            escape(&sender.colour),
            escape(&sender.text_colour),
            escape(label),
        )
    });
    let support = sender.support_url.as_ref().map_or_else(String::new, |url| {
        format!(" · <a href=\"{0}\">Help</a>", escape(url))
    });
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
         <body style=\"font-family:system-ui,sans-serif;line-height:1.5;max-width:36em;margin:2em auto;padding:0 1em\">\n\
         {sentences}{button}<p>{}</p>\n<hr>\n<p style=\"font-size:13px\">{}{support}</p>\n</body></html>\n",
        escape(&content.subject),
        escape(content.ending),
        escape(&sender.product),
    )
}

/// Without a line break, which in a header would begin another header.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(by: &str) -> Letter {
        Letter::Invitation {
            invited_by: by.to_owned(),
            to: "Acme".to_owned(),
            role: "member".to_owned(),
            link: "https://cloud.example/invitation#token=a&b".to_owned(),
        }
    }

    #[test]
    fn a_letter_has_a_subject_a_text_and_a_page_in_the_name_of_the_brand() {
        let brand = Sender {
            product: "Acme Cloud".to_owned(),
            support_url: Some("https://acme.example/help".to_owned()),
            ..Sender::default()
        };
        let letter = invitation("Anna").render(&brand);
        assert_eq!(letter.subject, "Anna invites you to Acme");
        assert_eq!(
            letter.text,
            "Anna invites you to Acme on Acme Cloud, with the role member. Choose a password to come in.\n\n\
             Accept invitation:\nhttps://cloud.example/invitation#token=a&b\n\n\
             If you don't know them, leave this letter alone: the invitation ends by itself.\n\n\
             -- \nAcme Cloud\nHelp: https://acme.example/help\n"
        );
        assert!(
            letter
                .html
                .contains("href=\"https://cloud.example/invitation#token=a&amp;b\"")
        );
        assert!(!letter.html.contains("Siteplane"));
    }

    #[test]
    fn what_a_person_is_called_can_be_neither_a_header_nor_markup() {
        let letter =
            invitation("Anna\r\nBcc: all@example.com <script>alert(1)</script>").render(&Sender::default());
        assert!(!letter.subject.contains(['\r', '\n']), "{}", letter.subject);
        assert!(!letter.html.contains("<script"), "{}", letter.html);
    }

    #[test]
    fn the_links_of_a_letter_are_not_in_its_debug() {
        assert_eq!(format!("{:?}", invitation("Anna")), "Letter::invitation");
    }
}
