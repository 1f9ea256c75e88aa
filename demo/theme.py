"""How the page looks: one calm accent, system fonts, nothing fetched from outside."""

from __future__ import annotations

from gradio import themes

SYSTEM_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO_FONT = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
# Around --dc-blue of style.css, which is the 500.
BLUE = themes.Color(
    name="diclam",
    c50="#eef4fb", c100="#d9e7f6", c200="#b5d0ed", c300="#89b4e2", c400="#5690d0", c500="#1f5fa8",
    c600="#1b5596", c700="#17487f", c800="#133a66", c900="#0f2d4f", c950="#0a1f37",
)  # fmt: skip
LIGHT_BLUE = "#7db4f0"


def theme() -> themes.Base:
    """Text of every kind keeps a contrast of 4.5 or more with what is behind it, in light and in dark."""
    return themes.Default(primary_hue=BLUE, secondary_hue=BLUE, font=SYSTEM_FONT, font_mono=MONO_FONT).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_label_text_color="*neutral_600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark=LIGHT_BLUE,
        link_text_color_dark=LIGHT_BLUE,
        link_text_color_active_dark=LIGHT_BLUE,
        link_text_color_hover_dark=LIGHT_BLUE,
        link_text_color_visited="*secondary_700",
        link_text_color_visited_dark=LIGHT_BLUE,
    )
