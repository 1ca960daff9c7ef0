/* SPDX-License-Identifier: MIT */
/* What is seen in messages of media, the packets made of them, and FLV. */
#include <pthread.h>
#include <stdio.h>

#include <synctv/error.h>

#include "media/flv.h"
#include "media/packet.h"
#include "media_bytes.h"

static struct bytes in;

static void setup(void)
{
    in = (struct bytes){ 0 };
}

static void teardown(void)
{
    clear(&in);
}

/* Which kind it is; -1 = nothing that goes on. In memory of exactly that size. */
static int look(enum sv_media_type type, const void *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct sv_payload payload;
    if (len > 0)
        memcpy(copy, data, len);
    int rv = sv_payload_look(type, copy, len, &payload);
    ck_assert_int_ge(rv, 0);
    free(copy);
    return rv == 1 ? (int)payload.kind : -1;
}

/* Hexadecimal and, between apostrophes, text. */
static size_t bytes_of(const char *code, uint8_t *ret)
{
    size_t n = 0;
    for (const char *p = code; *p != '\0';) {
        if (*p == '\'') {
            for (p++; *p != '\''; p++)
                ret[n++] = (uint8_t)*p;
            p++;
        } else if (*p == ' ') {
            p++;
        } else {
            const char two[] = { p[0], p[1], '\0' };
            ret[n++] = (uint8_t)strtoul(two, NULL, 16);
            p += 2;
        }
    }
    return n;
}

struct expectation {
    const char *code;
    int kind;
    /* What goes on, if it is not all. */
    const char *becomes;
};

static void assert_kinds(enum sv_media_type type, const struct expectation *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t data[400], becomes[400];
        size_t len = bytes_of(expected[i].code, data);
        size_t becomes_len =
            bytes_of(expected[i].becomes != NULL ? expected[i].becomes : expected[i].code, becomes);
        ck_assert_msg(look(type, data, len) == expected[i].kind, "%s is %d", expected[i].code,
            look(type, data, len));
        struct sv_payload payload;
        if (sv_payload_look(type, data, len, &payload) == 0)
            continue;
        struct sv_packet *packet = sv_packet_new(&payload, 0);
        ck_assert_ptr_nonnull(packet);
        ck_assert_msg(sv_packet_data_len(packet) == becomes_len &&
                memcmp(sv_packet_data(packet), becomes, becomes_len) == 0,
            "%s", expected[i].code);
        sv_packet_unref(packet);
    }
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(old_video_is_told_apart)
{
    static const struct expectation expected[] = {
        { "17 00 000000 'cfg'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "17 01 000000 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "27 01 000000 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "37 01 000000 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "47 01 000000 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "27 00 000000 'cfg'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "1c 00 000000 'cfg'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "1c 01 000000 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "12 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "22 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "17 02 000000", -1, NULL },
        { "17 02 000000 'x'", -1, NULL },
        { "17 03 000000 'x'", -1, NULL },
        { "57 00", -1, NULL },
        { "57 01 000000 'x'", -1, NULL },
        { "17 00 000000", -1, NULL },
        { "17 01 0000", -1, NULL },
        { "17 01", -1, NULL },
        { "17", -1, NULL },
        { "12", -1, NULL },
        { "", -1, NULL },
    };
    assert_kinds(SV_MEDIA_VIDEO, expected, N(expected));
}
END_TEST

START_TEST(old_audio_is_told_apart)
{
    static const struct expectation expected[] = {
        { "af 00 12 10", SV_PAYLOAD_AUDIO_HEADER, NULL },
        { "af 01 'x'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "2f 'mp3'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "72 'alaw'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "af 02 'x'", -1, NULL },
        { "af 00", -1, NULL },
        { "af 01", -1, NULL },
        { "af", -1, NULL },
        { "2f", -1, NULL },
        { "", -1, NULL },
    };
    assert_kinds(SV_MEDIA_AUDIO, expected, N(expected));
}
END_TEST

START_TEST(enhanced_video_of_any_codec_goes_on)
{
    static const struct expectation expected[] = {
        { "90 'hvc1' 'cfg'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "91 'hvc1' 000000 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "a1 'hvc1' 000000 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "93 'av01' 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "a3 'vp09' 'x'", SV_PAYLOAD_VIDEO_FRAME, NULL },
        { "93 'ZZZZ' 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "94 'hvc1' 02 0009 'colorInfo'", SV_PAYLOAD_VIDEO_INFO, NULL },
        { "95 'av01' 'ts'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "92 'hvc1'", -1, NULL },
        { "92 'hvc1' 'x'", -1, NULL },
        { "d1 'hvc1' 00", -1, NULL },
        { "98 'hvc1' 'x'", -1, NULL },
        { "9f 'hvc1' 'x'", -1, NULL },
        { "91 'hvc1'", -1, NULL },
        { "91 'hvc'", -1, NULL },
        { "91", -1, NULL },
    };
    assert_kinds(SV_MEDIA_VIDEO, expected, N(expected));
}
END_TEST

START_TEST(enhanced_audio_of_any_codec_goes_on)
{
    static const struct expectation expected[] = {
        { "90 'Opus' 'head'", SV_PAYLOAD_AUDIO_HEADER, NULL },
        { "91 'Opus' 'x'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "91 'fLaC' 'x'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "94 'Opus' 01 02 03", SV_PAYLOAD_AUDIO_INFO, NULL },
        { "92 'Opus'", -1, NULL },
        { "93 'Opus' 'x'", -1, NULL },
        { "96 'Opus' 'x'", -1, NULL },
        { "91 'Opus'", -1, NULL },
        { "90", -1, NULL },
    };
    assert_kinds(SV_MEDIA_AUDIO, expected, N(expected));
}
END_TEST

START_TEST(of_several_tracks_track_0_goes_on_alone)
{
    static const struct expectation video[] = {
        /* One track. */
        { "96 01 'hvc1' 00 'body'", SV_PAYLOAD_KEY_FRAME, "91 'hvc1' 'body'" },
        { "96 00 'hvc1' 00 'cfg'", SV_PAYLOAD_VIDEO_HEADER, "90 'hvc1' 'cfg'" },
        { "a6 03 'av01' 00 'body'", SV_PAYLOAD_VIDEO_FRAME, "a3 'av01' 'body'" },
        { "96 01 'hvc1' 01 'body'", -1, NULL },
        { "96 01 'hvc1' 00", -1, NULL },
        { "96 01 'hvc1'", -1, NULL },
        /* Many tracks, wherever track 0 is. */
        { "96 11 'hvc1' 00 000001 'a' 01 000002 'bb'", SV_PAYLOAD_KEY_FRAME, "91 'hvc1' 'a'" },
        { "96 11 'hvc1' 01 000002 'bb' 00 000001 'a'", SV_PAYLOAD_KEY_FRAME, "91 'hvc1' 'a'" },
        { "96 11 'hvc1' 01 000002 'bb' 02 000001 'a'", -1, NULL },
        { "96 11 'hvc1' 01 000002 'bb' 00 000002 'a'", -1, NULL },
        { "96 11 'hvc1' 01 ffffff 'bb' 00 000001 'a'", -1, NULL },
        { "96 11 'hvc1' 00 000000", -1, NULL },
        { "96 11 'hvc1' 00 0000", -1, NULL },
        /* Many tracks of many codecs. */
        { "96 21 'av01' 01 000002 'bb' 'hvc1' 00 000001 'a'", SV_PAYLOAD_KEY_FRAME,
            "91 'hvc1' 'a'" },
        { "96 21 'av01' 01 000002 'bb' 'hvc1' 00 0000", -1, NULL },
        /* What cannot be. */
        { "96 31 'hvc1' 00 'body'", -1, NULL },
        { "96 06 'hvc1' 00 'body'", -1, NULL },
        { "96 07 'hvc1' 00 'body'", -1, NULL },
        { "96", -1, NULL },
    };
    static const struct expectation audio[] = {
        { "95 01 'Opus' 00 'body'", SV_PAYLOAD_AUDIO_FRAME, "91 'Opus' 'body'" },
        { "95 11 'Opus' 01 000001 'b' 00 000001 'a'", SV_PAYLOAD_AUDIO_FRAME, "91 'Opus' 'a'" },
        { "95 20 'fLaC' 00 000001 'a'", SV_PAYLOAD_AUDIO_HEADER, "90 'fLaC' 'a'" },
        { "95 05 'Opus' 00 'body'", -1, NULL },
    };
    assert_kinds(SV_MEDIA_VIDEO, video, N(video));
    assert_kinds(SV_MEDIA_AUDIO, audio, N(audio));
}
END_TEST

START_TEST(modifiers_are_looked_behind)
{
    static const struct expectation video[] = {
        { "97 02 010203 01 'hvc1' 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "97 00 01 07 00 02 00 'hvc1' 'x'", SV_PAYLOAD_VIDEO_HEADER, NULL },
        { "97 ff 0002 010203 13 'hvc1' 'x'", SV_PAYLOAD_KEY_FRAME, NULL },
        { "97 00 01 06 01 'hvc1' 00 'x'", SV_PAYLOAD_KEY_FRAME, "91 'hvc1' 'x'" },
        { "97 00 01 02 'hvc1' 'x'", -1, NULL },
        { "97 ff ffff 01", -1, NULL },
        { "97 ff ff", -1, NULL },
        { "97 05 01", -1, NULL },
        { "97 00 01", -1, NULL },
        { "97 00", -1, NULL },
        { "97", -1, NULL },
    };
    static const struct expectation audio[] = {
        { "97 02 010203 01 'Opus' 'x'", SV_PAYLOAD_AUDIO_FRAME, NULL },
        { "97 02 010203 05 01 'Opus' 00 'x'", SV_PAYLOAD_AUDIO_FRAME, "91 'Opus' 'x'" },
    };
    assert_kinds(SV_MEDIA_VIDEO, video, N(video));
    assert_kinds(SV_MEDIA_AUDIO, audio, N(audio));
}
END_TEST

START_TEST(metadata_goes_on_without_what_is_around_it)
{
    struct sv_payload payload;
    put_metadata(&in, 1280);
    size_t len = in.len;
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_METADATA, in.data, in.len, &payload), 1);
    ck_assert_uint_eq(payload.body_len, len);
    struct bytes other = { 0 };
    put_amf_text(&other, "@setDataFrame");
    put(&other, in.data, in.len);
    put_amf_text(&other, "behind");
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_METADATA, other.data, other.len, &payload), 1);
    ck_assert_int_eq(payload.kind, SV_PAYLOAD_METADATA);
    ck_assert_uint_eq(payload.body_len, len);
    ck_assert_mem_eq(payload.body, in.data, len);
    clear(&other);
}
END_TEST

START_TEST(scripts_that_could_harm_players_do_not_go_on)
{
    static const char *const scripts[] = { "onCuePoint", "@clearDataFrame", "onTextData", "" };
    for (size_t i = 0; i < N(scripts); i++) {
        in.len = 0;
        put_amf_text(&in, scripts[i]);
        put_amf_object(&in);
        put_amf_end(&in);
        ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
    }
    /* Nested without end; cut off anywhere; no object. */
    in.len = 0;
    put_amf_text(&in, "onMetaData");
    for (int i = 0; i < 10000; i++)
        put(&in, "\x03\0\1a", 4);
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
    in.len = 0;
    put_metadata(&in, 1280);
    for (size_t len = 0; len < in.len; len++)
        ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, len), -1);
    in.len = 0;
    put_amf_text(&in, "onMetaData");
    put_amf_text(&in, "text");
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
    /* Too long: 64 KB and one byte. */
    in.len = 0;
    put_metadata(&in, 1280);
    put_zeros(&in, (64 << 10) + 1 - in.len);
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len - 1), SV_PAYLOAD_METADATA);
}
END_TEST

START_TEST(a_second_track_of_sound_beside_the_stream_goes_nowhere)
{
    /* As OBS sends it: what it is in AMF0, then each frame as bytes of AMF3 in an object of AMF0.
     */
    put_amf_text(&in, "@setDataFrame");
    put_amf_text(&in, "onExpectAdditionalMedia");
    put_amf_object(&in);
    put_amf_name(&in, "processingIntents");
    put(&in, "\x0a\0\0\0\1", 5);
    put_amf_text(&in, "ArchiveProgramNarrationAudio");
    put_amf_end(&in);
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
    in.len = 0;
    put_amf_text(&in, "additionalMedia");
    put_amf_object(&in);
    put_amf_name(&in, "id");
    put_amf_text(&in, "stream0");
    put_amf_name(&in, "media");
    put(&in, "\x11\x0c\x07\xaf\1x", 6);
    put_amf_end(&in);
    ck_assert_int_eq(look(SV_MEDIA_METADATA, in.data, in.len), -1);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
    struct sv_payload payload;
    put(&in, "\x17\1\0\0\0", 5);
    in.data = realloc(in.data, (8 << 20) + 1);
    memset(in.data + 5, 1, (8 << 20) - 4);
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_VIDEO, in.data, 8 << 20, &payload), 1);
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_VIDEO, in.data, (8 << 20) + 1, &payload),
        SYNCTV_E_TOO_LARGE);
    /* A header. */
    in.data[1] = 0;
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_VIDEO, in.data, 64 << 10, &payload), 1);
    ck_assert_int_eq(sv_payload_look(SV_MEDIA_VIDEO, in.data, (64 << 10) + 1, &payload),
        SYNCTV_E_TOO_LARGE);
}
END_TEST

/* ---- packets ---- */

static struct sv_packet *packet_of(enum sv_media_type type, const char *data, size_t len,
    int64_t timestamp_ms)
{
    struct sv_payload payload;
    ck_assert_int_eq(sv_payload_look(type, (const uint8_t *)data, len, &payload), 1);
    struct sv_packet *packet = sv_packet_new(&payload, timestamp_ms);
    ck_assert_ptr_nonnull(packet);
    return packet;
}

START_TEST(a_packet_is_a_tag_of_flv)
{
    static const char tag[] = "\x09\0\0\6\2\3\4\1\0\0\0\x27\1\0\0\0x\0\0\0\x11";
    struct sv_packet *p = packet_of(SV_MEDIA_VIDEO, "\x27\1\0\0\0x", 6, 0x1020304);
    ck_assert_uint_eq(p->tag_len, sizeof(tag) - 1);
    ck_assert_mem_eq(p->tag, tag, sizeof(tag) - 1);
    sv_packet_unref(p);
}
END_TEST

START_TEST(players_see_times_of_31_bits)
{
    static const struct {
        int64_t time;
        const char *bytes;
    } cases[] = {
        { INT32_MAX, "\xff\xff\xff\x7f" },
        { INT64_C(1) << 31, "\0\0\0\0" },
        { (INT64_C(1) << 32) + 5, "\0\0\5\0" },
        { 0xffffff, "\xff\xff\xff\0" },
        { 0x1000000, "\0\0\0\1" },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct sv_packet *p = packet_of(SV_MEDIA_AUDIO, "\xaf\1x", 3, cases[i].time);
        ck_assert_mem_eq(p->tag + 4, cases[i].bytes, 4);
        ck_assert_int_eq(p->timestamp_ms, cases[i].time);
        sv_packet_unref(p);
    }
}
END_TEST

START_TEST(the_tag_of_metadata_is_stamped_0)
{
    put_metadata(&in, 640);
    struct sv_packet *p = packet_of(SV_MEDIA_METADATA, (char *)in.data, in.len, 5000);
    ck_assert_uint_eq(p->tag[0], 18);
    ck_assert_mem_eq(p->tag + 4, "\0\0\0\0", 4);
    ck_assert_int_eq(p->timestamp_ms, 5000);
    sv_packet_unref(p);
}
END_TEST

START_TEST(a_header_may_be_stamped_anew)
{
    struct sv_packet *p = packet_of(SV_MEDIA_VIDEO, "\x17\0\0\0\0cfg", 8, 0);
    struct sv_packet *later = sv_packet_restamp(p, 700);
    ck_assert_int_eq(later->timestamp_ms, 700);
    ck_assert_int_eq(later->kind, SV_PAYLOAD_VIDEO_HEADER);
    ck_assert_mem_eq(later->tag + 4, "\0\2\xbc\0", 4);
    ck_assert_uint_eq(later->tag_len, p->tag_len);
    ck_assert_mem_eq(sv_packet_data(later), sv_packet_data(p), sv_packet_data_len(p));
    sv_packet_unref(p);
    sv_packet_unref(later);
    sv_packet_unref(NULL);
}
END_TEST

static void *share(void *packet)
{
    for (int i = 0; i < 100000; i++)
        sv_packet_unref(sv_packet_ref(packet));
    sv_packet_unref(packet);
    return NULL;
}

START_TEST(threads_may_share_a_packet)
{
    pthread_t threads[4];
    struct sv_packet *p = packet_of(SV_MEDIA_AUDIO, "\xaf\1x", 3, 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, share, sv_packet_ref(p)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&p->n_refs), 1);
    sv_packet_unref(p);
}
END_TEST

/* ---- FLV ---- */

START_TEST(the_head_of_an_flv_says_which_tracks_there_are)
{
    uint8_t head[SV_FLV_HEAD_LEN];
    sv_flv_write_head(head, true, true);
    ck_assert_mem_eq(head, "FLV\1\5\0\0\0\x09\0\0\0\0", 13);
    sv_flv_write_head(head, true, false);
    ck_assert_uint_eq(head[4], 4);
    sv_flv_write_head(head, false, true);
    ck_assert_uint_eq(head[4], 1);
}
END_TEST

static void put_tag(unsigned type, uint32_t timestamp, const void *data, size_t len)
{
    put_byte(&in, type);
    put_number(&in, len, 3);
    put_number(&in, timestamp & 0xffffff, 3);
    put_byte(&in, timestamp >> 24);
    put_zeros(&in, 3);
    put(&in, data, len);
    put_number(&in, len + 11, 4);
}

static char read_tags[1000];

/* What is in `in`, in pieces, as words in read_tags. */
static int read_flv(size_t piece, synctv_error *err)
{
    struct sv_flv_reader reader = { 0 };
    int rv = 0;
    read_tags[0] = '\0';
    for (size_t pos = 0; pos < in.len && rv >= 0; pos += piece) {
        size_t len = in.len - pos < piece ? in.len - pos : piece, at = 0, used;
        struct sv_flv_tag tag;
        while ((rv = sv_flv_reader_feed(&reader, in.data + pos + at, len - at, &used, &tag, err)) ==
            1) {
            at += used;
            size_t end = strlen(read_tags);
            snprintf(read_tags + end, sizeof(read_tags) - end, "%c%zu@%lld %c;", "vam"[tag.type],
                tag.len, (long long)tag.timestamp_ms, tag.len > 0 ? tag.data[tag.len - 1] : '-');
        }
    }
    sv_flv_reader_fini(&reader);
    return rv;
}

START_TEST(an_flv_is_read_in_pieces_of_any_size)
{
    put(&in, "FLV\1\5\0\0\0\x0c???\0\0\0\0", 16);
    put_tag(18, 0, "\2\0\3abc", 6);
    put_tag(9, 0, "video", 5);
    put_tag(15, 0, "of another kind", 15);
    put_tag(8, 0x1020304, "audio", 5);
    put_tag(8, 0x1020305, "", 0);
    put_tag(9, 0x1020306, "x", 1);
    for (size_t piece = 1; piece < 100; piece++) {
        ck_assert_int_eq(read_flv(piece, NULL), 0);
        ck_assert_str_eq(read_tags, "m6@0 c;v5@0 o;a5@16909060 o;a0@16909061 -;v1@16909062 x;");
    }
}
END_TEST

START_TEST(times_of_an_flv_go_on_where_its_bits_end)
{
    put(&in, "FLV\1\5\0\0\0\x09\0\0\0\0", 13);
    put_tag(8, 0xffffffff, "a", 1);
    put_tag(8, 5, "b", 1);
    ck_assert_int_eq(read_flv(100, NULL), 0);
    ck_assert_str_eq(read_tags, "a1@4294967295 a;a1@4294967301 b;");
}
END_TEST

START_TEST(what_is_no_flv_is_refused)
{
    synctv_error err;
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } cases[] = {
        { "\0\0\0\x18"
          "ftypmp42.......",
            20, "no FLV" },
        { "FLV\1\5\0\0\0\x08\0\0\0\0", 13, "no FLV" },
        { "FLV\1\5\xff\xff\xff\xff\0\0\0\0", 13, "no FLV" },
        { "FLV\1\5\0\0\0\x09\0\0\0\0\x29\0\0\1\0\0\0\0\0\0\0x", 25, "encrypted" },
        { "FLV\1\5\0\0\0\x09\0\0\0\0\x09\xff\xff\xff\0\0\0\0\0\0\0x", 25, "the most" },
    };
    for (size_t i = 0; i < N(cases); i++) {
        in.len = 0;
        put(&in, cases[i].bytes, cases[i].len);
        ck_assert_int_lt(read_flv(7, &err), 0);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s", err.message);
    }
}
END_TEST

START_TEST(an_index_of_a_long_film_in_its_metadata_is_left_out)
{
    static uint8_t index[100000];
    put(&in, "FLV\1\5\0\0\0\x09\0\0\0\0", 13);
    put_tag(18, 0, index, sizeof(index));
    put_tag(8, 1, "a", 1);
    ck_assert_int_eq(read_flv(1000, NULL), 0);
    ck_assert_str_eq(read_tags, "a1@1 a;");
}
END_TEST

START_TEST(packets_are_read_back_from_the_file_they_are_written_to)
{
    static const char *const frames[] = { "\x17\0\0\0\0cfg", "\x17\1\0\0\0key", "\x27\1\0\0\0int" };
    uint8_t head[SV_FLV_HEAD_LEN];
    sv_flv_write_head(head, false, true);
    put(&in, head, sizeof(head));
    for (int i = 0; i < 3; i++) {
        struct sv_packet *p = packet_of(SV_MEDIA_VIDEO, frames[i], 8, 0xfffff0 + i * 20);
        put(&in, p->tag, p->tag_len);
        sv_packet_unref(p);
    }
    ck_assert_int_eq(read_flv(1000, NULL), 0);
    ck_assert_str_eq(read_tags, "v8@16777200 g;v8@16777220 y;v8@16777240 t;");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_packets");
    TCase *t = tcase_create("media_packets");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, old_video_is_told_apart);
    tcase_add_test(t, old_audio_is_told_apart);
    tcase_add_test(t, enhanced_video_of_any_codec_goes_on);
    tcase_add_test(t, enhanced_audio_of_any_codec_goes_on);
    tcase_add_test(t, of_several_tracks_track_0_goes_on_alone);
    tcase_add_test(t, modifiers_are_looked_behind);
    tcase_add_test(t, metadata_goes_on_without_what_is_around_it);
    tcase_add_test(t, scripts_that_could_harm_players_do_not_go_on);
    tcase_add_test(t, a_second_track_of_sound_beside_the_stream_goes_nowhere);
    tcase_add_test(t, what_is_too_large_is_refused);
    tcase_add_test(t, a_packet_is_a_tag_of_flv);
    tcase_add_test(t, players_see_times_of_31_bits);
    tcase_add_test(t, the_tag_of_metadata_is_stamped_0);
    tcase_add_test(t, a_header_may_be_stamped_anew);
    tcase_add_test(t, threads_may_share_a_packet);
    tcase_add_test(t, the_head_of_an_flv_says_which_tracks_there_are);
    tcase_add_test(t, an_flv_is_read_in_pieces_of_any_size);
    tcase_add_test(t, times_of_an_flv_go_on_where_its_bits_end);
    tcase_add_test(t, what_is_no_flv_is_refused);
    tcase_add_test(t, an_index_of_a_long_film_in_its_metadata_is_left_out);
    tcase_add_test(t, packets_are_read_back_from_the_file_they_are_written_to);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
