//! Images, shown as they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An image of a format that browsers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `image/png` and the like.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Image {
    /// The media type that a suffix (lower case, without the point) stands for; `None` for what is no image.
    pub fn media_type(suffix: &str) -> Option<&'static str> {
        match suffix {
            "png" => Some("image/png"),
            "jpg" | "jpeg" => Some("image/jpeg"),
            "gif" => Some("image/gif"),
            "svg" => Some("image/svg+xml"),
            "webp" => Some("image/webp"),
            _ => None,
        }
    }

    /// An image from a file's bytes. Only their beginning is looked at.
    ///
    /// # Errors
    /// When the bytes are plainly something else, such as a page with an error message.
    pub fn read(media_type: &'static str, bytes: Vec<u8>) -> Result<Image, String> {
        let begins_right = match media_type {
            "image/png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            "image/jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
            "image/gif" => bytes.starts_with(b"GIF8"),
            "image/webp" => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            _ => bytes.windows(4).any(|window| window == b"<svg"),
        };
        let name = media_type.trim_start_matches("image/").trim_end_matches("+xml").to_uppercase();
        if begins_right { Ok(Image { media_type, bytes }) } else { Err(format!("it is no {name} image")) }
    }

    /// The image as an address that holds it whole.
    pub fn data_uri(&self) -> String {
        format!("data:{};base64,{}", self.media_type, STANDARD.encode(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_what_the_suffix_says() {
        let svg = Image::media_type("svg").expect("an image");
        let image = Image::read(svg, b"<svg/>".to_vec()).expect("an image");
        assert_eq!(image.data_uri(), "data:image/svg+xml;base64,PHN2Zy8+");
        for suffix in ["png", "jpg", "jpeg", "gif", "webp", "svg"] {
            let media_type = Image::media_type(suffix).expect("an image");
            assert!(Image::read(media_type, b"<html>".to_vec()).is_err(), "{suffix}");
        }
        assert_eq!(Image::media_type("csv"), None);
    }
}
