from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from sessions_app.comparison.samples.rendering.match import Event, Match
from sessions_app.comparison.samples.rendering.sprite import Canvas, Color, Image, Sprite, advance, write

_NAMES = ("Kestrel", "m0th", "Juno", "brickz", "Sable", "Vanta", "ohm", "Tarn", "Pixel", "Rook")
# BGR colours of the upper sky, the haze and the buildings, for dark scenes (False) and bright scenes (True)
_PALETTES: dict[bool, tuple[tuple[Color, Color, Color], ...]] = {
    False: (
        ((70, 42, 26), (128, 96, 70), (66, 54, 44)),
        ((62, 28, 40), (120, 78, 128), (70, 46, 58)),
        ((48, 44, 22), (106, 118, 78), (52, 60, 44)),
    ),
    True: (
        ((226, 176, 118), (222, 216, 204), (140, 158, 178)),
        ((236, 196, 150), (196, 220, 240), (120, 150, 190)),
        ((214, 190, 140), (212, 226, 214), (132, 160, 150)),
    ),
}
_TEAMS: tuple[Color, Color] = ((196, 214, 60), (88, 84, 240))
_WHITE: Color = (240, 242, 244)


@dataclass(frozen=True)
class _Actor:
    place: float
    speed: float
    depth: float
    phase: float
    sprites: tuple[Sprite, ...]


class Scene:
    """A game-like scene of `match` in `width` x `height` pixels.

    seed: selects the camera's view and the palette. timer_anchor: corner or edge to keep free for the timer.
    """

    def __init__(
        self, match: Match, width: int, height: int, seed: int, bright: bool = False, timer_anchor: str | None = None
    ) -> None:
        self.match, self.width, self.height = match, width, height
        self.margin = max(4, height // 30)
        self.horizon = round(0.57 * height)
        rng = np.random.default_rng([seed, 31])
        self._palette = _PALETTES[bright][int(rng.integers(3))]
        self._bright = bright
        self._phase = rng.uniform(0, 2 * np.pi, 4)
        self._far = self._far_layer(rng)
        self._mid, self._mid_mask = self._buildings(rng, 0.44, 0.42)
        self._near, self._near_mask = self._buildings(rng, 0.2, 0.12)
        self._ground = self._ground_layer(rng)
        self._actors = [self._actor(rng, number) for number in range(7)]
        self._weapon = self._weapon_sprite(rng)
        self._glow = _glow(round(0.5 * height), (120, 190, 255))
        self._spark = _glow(max(8, round(0.09 * height)), (140, 225, 255))
        self._smoke = _smoke(round(0.42 * height), rng, (150, 150, 146) if bright else (92, 90, 88))
        self._dust = rng.random((36, 4))
        self._vignette = _vignette(width, height, 70 if bright else 34)
        self._tiles: dict[str, tuple[object, Sprite]] = {}
        self._left_free = timer_anchor != "top-left"
        self._kills = [event for event in match.events if event.kind == "kill"]
        self._kill_times = [event.time for event in self._kills]
        self._own = int(rng.integers(300))
        self._minimap = self._minimap_sprite(rng)

    def draw(self, frame: Image, match_time: float) -> None:
        """Draw the scene at `match_time` (seconds) into `frame`, a BGR picture."""
        t = match_time
        recent = self.match.events_between(t - 1.2, t + 1e-9)
        yaw, dy = self._camera(t, recent)
        width, height, horizon = self.width, self.height, self.horizon
        bottom = horizon + self.margin
        np.copyto(frame[:bottom], _window(self._far, yaw * 0.25, width)[self.margin + dy :][:bottom])
        for layer, mask, speed in ((self._mid, self._mid_mask, 0.5), (self._near, self._near_mask, 1.0)):
            top = horizon - layer.shape[0] + self.margin - dy
            cut = max(0, -top)
            band = frame[max(0, top) : top + layer.shape[0]]
            cv2.copyTo(_window(layer, yaw * speed, width)[cut:], _window(mask, yaw * speed, width)[cut:], band)
        ground = _window(self._ground, yaw * 1.15, width)
        top = horizon - dy
        np.copyto(frame[top:], ground[: height - top])
        self._draw_actors(frame, t, yaw, dy, recent)
        self._draw_air(frame, t, yaw)
        self._draw_weapon(frame, t, recent)
        self._draw_flash(frame, t, recent)
        cv2.subtract(frame, self._vignette, frame)
        self._draw_hud(frame, t)

    def _camera(self, t: float, recent: list[Event]) -> tuple[float, int]:
        a, b, c, _ = self._phase
        turn = 1.3 * np.sin(0.23 * t + a) + 0.55 * np.sin(0.71 * t + b) + 0.18 * np.sin(1.9 * t + c)
        shake = sum(np.exp(-(t - e.time) * 6) * np.sin((t - e.time) * 60) for e in recent if e.kind == "boom")
        bob = 0.35 * np.sin(5.2 * t) + 0.3 * np.sin(0.5 * t + b) + 0.6 * shake
        return float((turn + 0.12 * t) * self.width * 0.8), round(float(np.clip(bob, -1, 1)) * (self.margin - 1))

    def _world(self) -> int:
        return self.width * 3

    def _far_layer(self, rng: np.random.Generator) -> Image:
        sky, haze, _ = self._palette
        height, world = self.horizon + 3 * self.margin, self._world()
        mix = np.linspace(0, 1, height)[:, None, None] ** 1.4
        image = np.repeat(np.array(sky) * (1 - mix) + np.array(haze) * mix, world, axis=1)
        cloud = _fractal(rng, height, world, (3, 10, 30))
        image += np.clip(cloud - 0.52, 0, 1)[:, :, None] * (150 if self._bright else 80)
        yy, xx = np.mgrid[0:height, 0:world]
        sun = np.exp(-((xx - world * 0.37) ** 2 + (yy - height * 0.55) ** 2) / (0.18 * height) ** 2)
        image += sun[:, :, None] * np.array((110, 165, 210)) * (0.9 if self._bright else 0.55)
        picture: Image = np.clip(image, 0, 255).astype(np.uint8)
        x = 0
        while x < world:
            wide, tall = int(rng.integers(20, 70)) * self.height // 480, int(rng.uniform(0.1, 0.42) * self.horizon)
            tone = np.array(haze) * 0.72 + rng.uniform(-6, 6)
            picture[-tall:, x : x + wide] = np.clip(tone, 0, 255)
            x += wide + int(rng.integers(0, 12))
        return _wrapped(picture, self.width)

    def _buildings(self, rng: np.random.Generator, rise: float, haze: float) -> tuple[Image, Image]:
        scale = self.height / 480
        height, world = round(rise * self.height * 1.25) + 2 * self.margin, self._world()
        image, mask = np.zeros((height, world, 3), np.uint8), np.zeros((height, world), np.uint8)
        _, fog, base = (np.array(color, float) for color in self._palette)
        x = int(rng.integers(0, 40))
        while x < world - 60 * scale:
            wide = int(rng.uniform(70, 190) * scale * (1.3 - haze))
            tall = min(height - 1, int(rng.uniform(0.5, 1.2) * rise * self.height))
            tone = (base * rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)) * (1 - haze) + fog * haze
            side, top = max(3, wide // 6), height - tall
            right = min(world, x + wide)
            shade = np.linspace(1.12, 0.78, tall)[:, None, None]
            image[top:, x:right] = np.clip(tone * shade, 0, 255)
            image[top:, max(x, right - side) : right] = np.clip(tone * shade * 0.62, 0, 255)
            image[top : top + max(2, int(4 * scale)), x:right] = np.clip(tone * 1.35, 0, 255)
            mask[top:, x:right] = 255
            self._windows(image[top:, x : max(x + 1, right - side)], rng, tone, scale)
            if rng.random() < 0.35:
                sign = tuple(int(v) for v in rng.integers(60, 255, 3))
                sx, sy, size = x + wide // 8, top + tall // 6, max(8, int(11 * scale))
                label = f"{_NAMES[int(rng.integers(10))].upper()} {int(rng.integers(2, 99))}"
                end = min(sx + advance(label, "sans", size, 700) + size, right)
                cv2.rectangle(image[:, :end], (sx, sy), (end, sy + size * 3 // 2), sign, -1)
                write(image[:, :end], label, sx + size // 2, sy + size * 11 // 10, "sans", size, 700, (20, 20, 24))
            x = right + int(rng.uniform(0, 150) * scale * (1 - haze) ** 2)
        grain = rng.normal(0, 5, (height, world, 1))
        grained = np.clip(image + grain, 0, 255).astype(np.uint8)
        return _wrapped(grained, self.width), _wrapped(mask, self.width)

    def _windows(self, wall: Image, rng: np.random.Generator, tone: np.ndarray, scale: float) -> None:
        step_x, step_y = max(6, int(rng.integers(13, 22) * scale)), max(8, int(rng.integers(17, 26) * scale))
        lit = np.array((120, 205, 250) if not self._bright else (235, 225, 205))
        for y in range(step_y, wall.shape[0] - step_y, step_y):
            for x in range(step_x // 2, wall.shape[1] - step_x // 2, step_x):
                glow = rng.random()
                color = lit * glow if glow > 0.72 else tone * 0.5
                wall[y : y + step_y // 2, x : x + step_x // 2] = np.clip(color, 0, 255)

    def _ground_layer(self, rng: np.random.Generator) -> Image:
        height, world = self.height - self.horizon + 2 * self.margin, self._world()
        _, haze, base = (np.array(color, float) for color in self._palette)
        mix = np.linspace(0, 1, height)[:, None, None] ** 0.6
        image = np.repeat(haze * 0.62 * (1 - mix) + base * 0.8 * mix, world, axis=1)
        image *= 0.75 + 0.5 * _fractal(rng, height, world, (8, 40, 160))[:, :, None]
        y = 3.0
        while y < height:
            image[int(y) : int(y) + max(1, int(y / 40))] *= 0.78
            y *= 1.5
        for x in range(0, world, world // 24):
            lean = int(0.9 * (x % self.width - self.width / 2))
            cv2.line(image, (x, 0), (x + lean, height), tuple(float(v) for v in base * 0.62), 2, cv2.LINE_AA)
        for _ in range(16):
            cx, tall = int(rng.integers(0, world - 80)), int(rng.uniform(0.08, 0.2) * self.height)
            wide, foot = int(tall * rng.uniform(0.8, 1.6)), int(rng.uniform(0.12, 0.5) * height)
            tone = base * rng.uniform(0.8, 1.3) + rng.uniform(-14, 14, 3)
            top = max(0, foot - tall)
            image[foot : foot + 6, cx : cx + wide + 10] *= 0.6
            image[top:foot, cx : cx + wide] = tone
            image[top:foot, cx + wide * 3 // 4 : cx + wide] = tone * 0.65
            image[top : top + 3, cx : cx + wide] = tone * 1.4
            cv2.line(image, (cx, top), (cx + wide * 3 // 4, foot), tuple(float(v) for v in tone * 0.8), 2, cv2.LINE_AA)
        return _wrapped(np.clip(image, 0, 255).astype(np.uint8), self.width)

    def _actor(self, rng: np.random.Generator, number: int) -> _Actor:
        depth = float(rng.uniform(0.16, 0.42))
        tall = max(12, round(depth * self.height))
        name = _NAMES[number]
        sprites = tuple(_figure(tall, _TEAMS[number % 2], step / 6, self._bright, name) for step in range(6))
        return _Actor(float(rng.random()), float(rng.uniform(0.03, 0.09)), depth, float(rng.uniform(0, 6)), sprites)

    def _draw_actors(self, frame: Image, t: float, yaw: float, dy: int, recent: list[Event]) -> None:
        world = self._world()
        shots = [e for e in recent if e.kind == "shot" and t - e.time < 0.05]
        for number, actor in enumerate(sorted(self._actors, key=lambda a: a.depth)):
            wander = actor.place + 0.06 * np.sin(actor.speed * 9 * t + actor.phase)
            x = round((wander * world - yaw * 1.15) % world) - self.width // 4
            tall = actor.sprites[0].size[1]
            y = self.horizon - dy + round(self.height * (actor.depth - 0.12) * 0.75) - tall + self.margin
            sprite = actor.sprites[int((t * 8 + actor.phase * 3) % len(actor.sprites))]
            sprite.blend(frame, x, y)
            for shot in shots:
                if int(shot.place * len(self._actors)) == number:
                    side = self._spark.size[0] // 2
                    self._spark.blend(frame, x + sprite.size[0] - side, y + tall // 3 - side)
                    end = (round(self.width * ((shot.variant / 16 + shot.place) % 1)), self.horizon)
                    cv2.line(frame, (x + sprite.size[0], y + tall // 3), end, (190, 235, 255), 1, cv2.LINE_AA)

    def _draw_air(self, frame: Image, t: float, yaw: float) -> None:
        width, height = self.width, self.height
        for number in range(2):
            x = (number * self._world() / 2 + 60 * t * self.height / 480 - yaw * 1.1) % self._world()
            self._smoke.blend(frame, round(x) - self._smoke.size[0], self.horizon - round(0.3 * height))
        dust = self._dust
        xs = ((dust[:, 0] * 2 + t * (0.05 + 0.15 * dust[:, 2]) - yaw * 0.8 / width) % 1 * (width - 3)).astype(int)
        ys = ((dust[:, 1] + t * 0.06 * dust[:, 3]) % 1 * (height - 3)).astype(int)
        color = (250, 250, 244) if self._bright else (150, 190, 225)
        frame[ys, xs] = color
        frame[ys + 1, xs] = color
        frame[ys, xs + 1] = color

    def _draw_weapon(self, frame: Image, t: float, recent: list[Event]) -> None:
        own = [t - e.time for e in recent if e.kind == "shot" and e.variant % 3 == self._own % 3]
        kick = max((np.exp(-age * 14) for age in own), default=0.0)
        x = round(self.width * (0.66 + 0.008 * np.sin(2.6 * t) + 0.02 * kick))
        y = round(self.height * (0.6 + 0.01 * np.sin(5.2 * t) + 0.035 * kick))
        if own and min(own) < 0.05:
            side = self._glow.size[0] // 2
            self._glow.blend(frame, x - side // 2, y - side // 2)
        self._weapon.blend(frame, x, y)
        center, arm = (self.width // 2, self.height // 2), round(self.height * (0.012 + 0.02 * kick))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near = (center[0] + dx * arm // 2, center[1] + dy * arm // 2)
            far = (center[0] + dx * arm * 3 // 2, center[1] + dy * arm * 3 // 2)
            cv2.line(frame, near, far, (120, 255, 120), max(1, self.height // 360))

    def _draw_flash(self, frame: Image, t: float, recent: list[Event]) -> None:
        for boom in (e for e in recent if e.kind == "boom"):
            age = t - boom.time
            x, y = round(boom.place * self.width), self.horizon
            if age < 0.5:
                for ring in range(3):
                    side = self._glow.size[0] // 2
                    self._glow.blend(frame, x - side + ring * side // 3, y - side - round(age * 90) * ring)
            if age < 0.35:
                cv2.convertScaleAbs(frame, frame, 1, 150 * (1 - age / 0.35))

    def _draw_hud(self, frame: Image, t: float) -> None:
        width, height = self.width, self.height
        line = max(9, round(height * 0.03))
        shown = int(np.searchsorted(self._kill_times, t, "right"))
        feed = [kill for kill in self._kills[max(0, shown - 4) : shown] if t - kill.time < 9]
        feed_y = round(0.17 * height)
        for row, kill in enumerate(feed):
            tile = self._tile(f"kill{row}", (kill.time,), partial(self._kill_sprite, kill, line))
            x = width - tile.size[0] - width // 50 if self._left_free else width // 50
            tile.blend(frame, x, feed_y + row * round(line * 1.5))
        map_x = width // 50 if self._left_free else width - self._minimap.size[0] - width // 50
        map_y = height // 36 if self._left_free else round(0.04 * height)
        self._minimap.blend(frame, map_x, map_y)
        side = self._minimap.size[0]
        for number, actor in enumerate(self._actors):
            angle = actor.place * 6.28 + actor.speed * t
            spot = (map_x + round(side * (0.5 + 0.34 * np.cos(angle * (1 + number % 2)))),
                    map_y + round(side * (0.5 + 0.34 * np.sin(angle))))  # fmt: skip
            cv2.circle(frame, spot, max(2, side // 30), _TEAMS[number % 2], -1, cv2.LINE_AA)
        shots = int(np.searchsorted(self.match.event_times, t)) + self._own
        health, ammo = 100 - 13 * ((shown + self._own) % 7), 30 - shots % 30
        self._tile("health", health, lambda: _meter(health, line)).blend(frame, round(0.27 * width), height - 3 * line)
        ammo_text = f"{ammo} / {90 + shots // 30 % 7 * 30}"
        self._tile("ammo", ammo_text, lambda: _label(ammo_text, round(line * 1.4), 600, panel=(18, 16, 14))).blend(
            frame, round(0.63 * width), height - 3 * line
        )
        for index, team in enumerate(_TEAMS):
            score = str((shown + index * 3) // (5 + index) % 14)
            tile = self._tile(f"score{index}", score, partial(_label, score, round(line * 1.7), 700, team))
            offset = round((0.135 if index else -0.135) * width)
            tile.blend(frame, width // 2 + offset - tile.size[0] // 2, round(0.028 * height))

    def _tile(self, name: str, key: object, make: Callable[[], Sprite]) -> Sprite:
        held = self._tiles.get(name)
        if held is None or held[0] != key:
            held = (key, make())
            self._tiles[name] = held
        return held[1]

    def _kill_sprite(self, kill: Event, line: int) -> Sprite:
        side = kill.variant % 2
        killer = _NAMES[kill.variant % 10]
        victim = _NAMES[(kill.variant + 1 + 2 * int(kill.place * 5)) % 10]
        left, right = advance(killer, "sans", line, 600), advance(victim, "sans", line, 600)
        canvas = Canvas(left + right + 4 * line, round(line * 1.35))
        canvas.box(0, 0, canvas.alpha.shape[1], canvas.alpha.shape[0], (24, 20, 18), 0.6)
        canvas.box(0, 0, max(2, line // 6), canvas.alpha.shape[0], _TEAMS[side])
        for text, x, team in ((killer, line // 2, side), (victim, left + 3 * line, 1 - side)):
            mask = np.zeros(canvas.alpha.shape, np.uint8)
            write(mask, text, x, line, "sans", line, 600, _WHITE)
            canvas.paint(mask, _TEAMS[team])
        y, x = line // 2, left + line
        canvas.box(x, y, round(line * 1.5), max(2, line // 4), _WHITE)
        canvas.box(x + line // 4, y, line // 3, line // 2, _WHITE)
        return canvas.sprite()

    def _weapon_sprite(self, rng: np.random.Generator) -> Sprite:
        tall = round(0.5 * self.height)
        canvas = Canvas(400, 320)
        tint: Color = tuple(int(v) for v in rng.integers(90, 220, 3))  # type: ignore[assignment]
        glove, sleeve = (44, 46, 52), (62, 74, 70)
        canvas.polygon([(250, 250), (340, 216), (400, 262), (400, 320), (236, 320)], sleeve)
        canvas.polygon([(120, 176), (168, 150), (206, 196), (196, 244), (150, 250), (124, 214)], glove)
        canvas.polygon([(150, 236), (200, 226), (232, 320), (158, 320)], sleeve)
        canvas.polygon([(2, 44), (66, 58), (64, 74), (4, 56)], (30, 30, 34))
        ridge = [(50, 46), (140, 58), (330, 140), (400, 214)]
        canvas.polygon([*ridge, (400, 290), (340, 250), (150, 152), (54, 80)], (52, 50, 50))
        canvas.polygon([*ridge, (400, 228), (322, 158), (136, 74), (50, 58)], (104, 100, 96))
        canvas.polygon([(84, 72), (146, 84), (262, 140), (258, 158), (144, 106), (86, 88)], tint)
        canvas.polygon([(150, 90), (154, 92), (270, 148), (266, 154)], (235, 235, 235), 0.5)
        canvas.polygon([(196, 168), (236, 186), (232, 262), (206, 274), (186, 250)], (34, 34, 38))
        canvas.polygon([(118, 20), (188, 44), (196, 74), (122, 48)], (30, 30, 34))
        canvas.polygon([(122, 24), (140, 30), (142, 50), (124, 44)], (150, 120, 60))
        canvas.polygon([(286, 196), (352, 190), (400, 246), (392, 300), (318, 284)], glove)
        for finger in range(4):
            x, y = 9 * finger, 17 * finger
            canvas.polygon(
                [(284 + x, 206 + y), (306 + x, 198 + y), (312 + x, 212 + y), (288 + x, 220 + y)], (58, 60, 68)
            )
        return canvas.sprite(tall * 5 // 4, tall)

    def _minimap_sprite(self, rng: np.random.Generator) -> Sprite:
        side = round(0.25 * self.height)
        canvas = Canvas(160, 160)
        canvas.box(0, 0, 160, 160, (26, 22, 20), 0.62)
        for _ in range(7):
            x, y, w, h = (int(v) for v in rng.integers((6, 6, 24, 24), (100, 100, 60, 60)))
            canvas.box(x, y, w, h, (112, 106, 98), 0.75)
        canvas.box(0, 0, 160, 2, _WHITE, 0.8)
        return canvas.sprite(side, side)


def _window(layer: Image, x: float, width: int) -> Image:
    left = round(x) % (layer.shape[1] - width)
    return layer[:, left : left + width]


def _wrapped(layer: Image, width: int) -> Image:
    return np.ascontiguousarray(np.concatenate((layer, layer[:, :width]), axis=1))


def _fractal(rng: np.random.Generator, height: int, width: int, scales: tuple[int, ...]) -> np.ndarray:
    total = np.zeros((height, width), np.float32)
    for rank, scale in enumerate(scales):
        coarse = rng.random((max(2, scale // 3), scale), dtype=np.float32)
        coarse = np.concatenate((coarse, coarse[:, :1]), axis=1)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2 ** (rank + 1)
    return np.asarray(np.clip(total / (1 - 0.5 ** len(scales)), 0, 1), np.float64)


def _vignette(width: int, height: int, depth: int) -> Image:
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    loss = depth * np.clip(np.hypot(xx, yy) / 1.42, 0, 1) ** 2.4
    return np.repeat(loss.astype(np.uint8)[:, :, None], 3, axis=2)


def _glow(side: int, color: Color) -> Sprite:
    yy, xx = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    light = np.clip(1 - np.hypot(xx, yy), 0, 1) ** 1.6
    image = np.clip(light[:, :, None] * np.array(color) * 1.2, 0, 255).astype(np.uint8)
    return Sprite(image, np.repeat((255 - 90 * light[:, :, None]).astype(np.uint8), 3, axis=2))


def _smoke(side: int, rng: np.random.Generator, color: Color) -> Sprite:
    yy, xx = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 2j]
    alpha = np.clip(1 - np.hypot(xx, yy), 0, 1) * (0.35 + _fractal(rng, side, side * 2, (5, 12, 30)))
    bgr = np.full((side, side * 2, 3), color, np.uint8)
    return Sprite.from_bgra(bgr, np.clip(alpha * 230, 0, 235).astype(np.uint8))


def _figure(tall: int, team: Color, step: float, bright: bool, name: str) -> Sprite:
    canvas = Canvas(300, 440)
    skin: Color = (96, 128, 168)
    dark: Color = (58, 56, 60) if bright else (40, 38, 44)
    cloth: Color = (team[0] // 2, team[1] // 2, team[2] // 2)
    light: Color = (team[0] * 2 // 3, team[1] * 2 // 3, team[2] * 2 // 3)
    swing = 46 * float(np.sin(2 * np.pi * step))
    ellipse = [(134 + 92 * np.cos(a), 426 + 13 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)]
    canvas.polygon(ellipse, (10, 10, 12), 0.45)
    for sign, tone in ((-1, (28, 27, 30)), (1, dark)):
        foot, knee = 132 + sign * swing, 136 + sign * swing * 0.7
        canvas.polygon([(110, 270), (154, 270), (knee + 22, 350), (knee - 20, 350)], tone)
        canvas.polygon([(knee - 20, 344), (knee + 22, 344), (foot + 17, 424), (foot - 17, 424)], tone)
        canvas.polygon([(foot - 19, 408), (foot + 16, 408), (foot + 34, 430), (foot - 19, 430)], (18, 18, 20))
    canvas.polygon([(96, 140), (164, 136), (172, 230), (158, 284), (104, 284), (92, 220)], cloth)
    canvas.polygon([(96, 140), (120, 138), (116, 284), (104, 284), (92, 220)], light)
    canvas.polygon([(104, 162), (160, 160), (162, 214), (106, 218)], dark)
    for pouch in (108, 127, 146):
        canvas.polygon([(pouch, 222), (pouch + 15, 222), (pouch + 15, 248), (pouch, 248)], (34, 34, 40))
    canvas.polygon([(80, 148), (104, 142), (106, 232), (80, 226)], (34, 32, 36))
    canvas.polygon([(150, 152), (172, 160), (226, 190), (216, 210), (150, 192)], light)
    canvas.polygon([(214, 186), (234, 188), (232, 208), (212, 208)], skin)
    rifle = [(124, 180), (160, 174), (298, 173), (298, 181), (240, 190), (228, 224), (208, 224), (206, 196), (124, 206)]
    canvas.polygon(rifle, (22, 22, 24))
    canvas.polygon([(176, 162), (208, 162), (208, 174), (176, 174)], (30, 30, 34))
    canvas.polygon([(114, 88), (136, 72), (160, 86), (166, 112), (152, 136), (124, 136), (112, 114)], skin)
    canvas.polygon([(140, 98), (168, 96), (166, 110), (142, 112)], (30, 26, 24))
    canvas.polygon([(104, 98), (114, 70), (140, 58), (164, 70), (170, 96), (138, 92)], team)
    canvas.polygon([(104, 98), (114, 70), (128, 64), (122, 96)], light)
    width = advance(name, "sans", 34, 700)
    canvas.box(134 - width // 2 - 8, 4, width + 16, 42, (20, 18, 16), 0.55)
    mask = np.zeros(canvas.alpha.shape, np.uint8)
    write(mask, name, 134 - width // 2, 37, "sans", 34, 700, _WHITE)
    canvas.paint(mask, team)
    return canvas.sprite(max(6, tall * 300 // 440), tall)


def _label(text: str, size: int, weight: int, panel: Color) -> Sprite:
    canvas = Canvas(advance(text, "sans", size, weight) + size, round(size * 1.3))
    canvas.box(0, 0, canvas.alpha.shape[1], canvas.alpha.shape[0], panel, 0.7)
    mask = np.zeros(canvas.alpha.shape, np.uint8)
    write(mask, text, size // 2, round(size * 1.02), "sans", size, weight, _WHITE)
    canvas.paint(mask, _WHITE)
    return canvas.sprite()


def _meter(health: int, line: int) -> Sprite:
    canvas = Canvas(line * 10, round(line * 1.9))
    canvas.box(0, 0, line * 10, round(line * 1.9), (18, 16, 14), 0.6)
    full = line * 6.1
    canvas.box(line * 7 // 2, round(line * 0.7), round(full * health / 100), round(line * 0.55), (140, 235, 110))
    mask = np.zeros(canvas.alpha.shape, np.uint8)
    write(mask, str(health), line // 2, round(line * 1.4), "sans", round(line * 1.3), 700, _WHITE)
    canvas.paint(mask, _WHITE)
    return canvas.sprite()
