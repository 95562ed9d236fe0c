-- Airports a country, from one release. Reads the view `staging` (contract airports.v1, grain: one airport).
SELECT
    upper(trim(country)) AS country,
    released_on,
    count(*) AS airports,
    max(elevation) AS highest_feet
FROM staging
GROUP BY upper(trim(country)), released_on
