TITLE_SECONDS = 2.5  # length of a title card
FADE_SECONDS = 0.5  # length of a fade; half of it darkens the end of a clip, half brightens the start of the next clip
