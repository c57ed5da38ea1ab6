"""Small KuaiSAR files in the published schema."""

COLUMNS = {
    "src_inter.csv": "keyword,item_id,click_cnt,search_session_id,item_type,user_id,"
    "search_session_timestamp,search_source,search_session_time",
    "rec_inter.csv": "user_id,item_id,duration_ms,playing_time,timestamp,forward,like,follow,"
    "search_item_related,search,click,time",
    "user_features.csv": "user_id,onehot_feat1,onehot_feat2,search_active_level,rec_active_level",
    "item_features.csv": "item_id,caption,author_id,item_type,upload_time,upload_type,"
    + ",".join(f"{n}_level_category_id,{n}_level_category_name" for n in ("first", "second"))
    + ","
    + ",".join(f"{n}_level_category_id,{n}_level_category_name" for n in ("third", "fourth"))
    + ","
    + ",".join(f"{n}_level_category_name_en" for n in ("first", "second", "third", "fourth")),
}
VALID = {
    "src_inter.csv": [
        '"[5, 7]",10,1,1,VIDEO,1,1684761000000.0,USER_INPUT,t',
        '"[5, 7]",10,0,1,VIDEO,1,1684761000000.0,USER_INPUT,t',
        "[],11,0,1,IMAGE_ATLAS,1,1684761000000.0,USER_INPUT,t",
        "[9],12,2,2,LIVE,2,1684761001123.0,USER_INPUT,t",
    ],
    "rec_inter.csv": [
        "1,10,9000,4000,1684761002000.0,0,0,0,0,0,1,t",
        "2,11,9000,4000,1684761003000.0,0,0,0,0,0,0,t",
        "2,10,9000,4000,1684761003000.0,0,0,0,0,0,1,t",
    ],
    "user_features.csv": ["1,0,5,3,1", "2,1,7,0,2", "3,1,1,1,1"],
    "item_features.csv": [
        '10,"[5, 6]",44,NORMAL,2015-09-24,UNKNOWN,3,美食,31,面,0,空,0,empty,Food,noodles,,empty',
        '11,[],45,NORMAL,1970-1-1,ShortImport,5,影视,0,空,0,空,0,空,"Film, Television",empty,0,空',
        "12,[],46,NORMAL,1970-1-1,ShortImport,5,x,0,空,0,空,0,空,music,empty,empty,empty",
    ],
}
